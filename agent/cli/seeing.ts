import type { Command } from 'commander';

/** How main.ts makes a command with what all of them take. */
type Make = (
  parent: Command,
  name: string,
  what: string,
  example: string,
  more?: (made: Command) => Command,
) => Command;

/** What shows the network as this node sees it. */
export function seeingCommands(program: Command, command: Make): void {
  command(program, 'trace', 'the routers on the way to a node', 'hypha trace hub')
    .argument('<to>', 'contact, public key or address')
    .option('--hops <n>', 'ask no farther', '30')
    .option('--timeout <seconds>', 'for each answer', '1')
    .action(async (to, options) => (await import('./commands/trace.ts')).trace(to, options));
  command(program, 'doctor', 'what is wrong and what to do about it; exit code 1 if anything is', 'hypha doctor hub')
    .argument('[to]', 'only this contact, public key or address')
    .option('--bundle <file>', 'write a diagnostics archive without secrets (.tar.gz)')
    .action(async (to, options) => (await import('./commands/doctor.ts')).doctor(to, options));
  command(program, 'dump', 'the last packets, or what given bytes mean, field by field', 'hypha dump --hex packets.bin')
    .option('--hex <hex|file>', 'explain these bytes, or a file of hex digits or bytes; -: standard input')
    .option('--packet <n>', 'explain this one of the last packets')
    .option('--last <n>', 'show so many', '20')
    .option('--wide', 'cut nothing to the width of the terminal')
    .action(async (options) => (await import('./commands/dump.ts')).dump(options));
}
