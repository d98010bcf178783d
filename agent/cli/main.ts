import { Command, CommanderError } from 'commander';
import { exitCodeOf, exitCodes, lineOf } from './exit.ts';
import { seeingCommands } from './seeing.ts';
import { version } from './version.ts';

/** The `hypha` command. Every command's code is loaded only when it is asked for. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on('error', leaveQuietly);
  try {
    await makeProgram().parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' });
  } catch (error) {
    process.exitCode = report(error);
  }
  endSoon();
}

/** Whatever still holds the process (a socket that lingers) does so for two seconds and no longer. */
function endSoon(): void {
  setTimeout(() => process.exit(), 2000).unref();
}

/** What CONTRACT.md names and later versions bring. */
const later = ['exec', 'fleet', 'group', 'flash', 'serial', 'user', 'device', 'audit', 'update', 'image'];

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done;
    const text = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    process.stderr.write(`hypha: ${text}; see: hypha --help\n`);
    return exitCodes.usage;
  }
  process.stderr.write(lineOf(error));
  const code = exitCodeOf(error);
  if (code === exitCodes.bug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return code;
}

function makeProgram(): Command {
  const program = new Command('hypha')
    .description('Carries MQTT devices over Mycelium, and loses nothing.')
    .version(version, '--version', 'print the version')
    .helpCommand(false)
    .addHelpText('after', '\nhypha COMMAND --help shows its options, the commands below it and an example.')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  for (const name of later) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => refuse(`${name}: found a command that is not in this version, wanted another`));
  }
  nodeCommands(program);
  lookCommands(program);
  backupCommands(program);
  messageCommands(program);
  seeingCommands(program, command);
  return program;
}

const signals = `
SIGTERM and SIGINT stop it cleanly, a second one at once. So does SIGHUP when the terminal it was started on has been closed;
otherwise (systemd, kill -HUP, nohup) SIGHUP is only logged: settings are read at the start.`;

function refuse(text: string): never {
  throw new CommanderError(2, 'hypha.refused', text);
}

function nodeCommands(program: Command): void {
  command(program, 'init', 'make identity and configuration', 'hypha init --name gateway-7')
    .option('--name <name>', "this node's name")
    .option('--lan', 'listen on all addresses, and find neighbours on the local network')
    .action(async (options) => (await import('./commands/init.ts')).init(options));
  command(program, 'run', 'run the agent in the foreground', 'hypha run --config ./hypha.toml --data ./state')
    .addHelpText('after', signals)
    .action(async (options) => (await import('./commands/run.ts')).run(options));
  command(program, 'check', 'validate a configuration without starting', 'hypha check /etc/hypha/hypha.toml')
    .argument('<file>', 'configuration file')
    .action(async (file, options) => (await import('./commands/check.ts')).check(file, options));
  const config = program
    .command('config')
    .description('settings and their documentation')
    .addHelpText('after', '\nExample:\n  hypha config docs')
    .action(() => refuse('config: found no verb of this version, wanted: docs'))
    .allowExcessArguments();
  command(
    config,
    'docs',
    'every setting: meaning, default, variable (--json: JSON Schema)',
    'hypha config docs',
  ).action(async (options) => (await import('./commands/config-docs.ts')).configDocs(options));
  command(program, 'id', "this node's name, public key, address and card", 'hypha id --json').action(async (options) =>
    (await import('./commands/id.ts')).id(options),
  );
  const contacts = command(program, 'contacts', 'named public keys', 'hypha contacts', tabled).action(async (options) =>
    (await import('./commands/contacts.ts')).contacts(options),
  );
  command(contacts, 'add', 'name a public key', 'hypha contacts add hub 5714…0c36')
    .argument('<name>', 'what to call it')
    .argument('<key>', 'public key or contact card')
    .action(async (name, key, _options, self: Command) =>
      (await import('./commands/contacts.ts')).addContact(name, key, self.optsWithGlobals()),
    );
}

function backupCommands(program: Command): void {
  command(
    program,
    'backup',
    "this node's ring and configuration in one file, also while it runs",
    'hypha backup gateway-7.hypha',
  )
    .argument('<file>', 'where to write it; mode 0600')
    .option('--identity', 'with the secret key that this node is: a whole replacement')
    .option('--force', 'replace the file')
    .action(async (file, options) => (await import('./commands/backup.ts')).backup(file, options));
  command(
    program,
    'restore',
    'make a node of a backup, in an empty data directory',
    'hypha restore gateway-7.hypha --data ./state',
  )
    .argument('<file>', 'what hypha backup wrote')
    .action(async (file, options) => (await import('./commands/restore.ts')).restore(file, options));
}

function lookCommands(program: Command): void {
  command(program, 'links', 'what flows to whom', 'hypha links', tabled).action(async (options) =>
    (await import('./commands/look.ts')).links(options),
  );
  command(
    program,
    'routes',
    'nodes that can be reached: * in use, the others in reserve',
    'hypha routes --wide',
    tabled,
  )
    .option('--queried', 'only what was asked for and has not come')
    .action(async (options) => (await import('./commands/look.ts')).routes(options));
  peerCommands(program);
  const ring = command(
    program,
    'ring',
    'what is stored, and what it writes',
    'hypha ring --card 32GB/endurance',
    tabled,
  )
    .option('--card <size/class>', 'the card whose wear is estimated: consumer, endurance, industrial', '32GB/consumer')
    .action(async (options) => (await import('./commands/look.ts')).ring(options));
  for (const name of ['export', 'import']) {
    ring
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => refuse(`ring ${name}: found a command that is not in this version, wanted another (hypha backup)`));
  }
  command(
    ring,
    'audit',
    'accepted = delivered + expired + dropped + pending? Exit code 1 if not',
    'hypha ring audit --json',
    tabled,
  ).action(async (_options, self: Command) => (await import('./commands/audit.ts')).audit(self.optsWithGlobals()));
}

function peerCommands(program: Command): void {
  const peers = command(program, 'peers', 'connections of the overlay', 'hypha peers', tabled).action(async (options) =>
    (await import('./commands/look.ts')).peers(options),
  );
  const example = 'hypha peers add tcp://192.0.2.1:9651';
  command(peers, 'add', 'dial a node, until the agent stops (to keep it: peers under [overlay])', example)
    .argument('<url>', 'its address')
    .option('--proxy <url>', 'socks5://… or http://…, or "none"')
    .action(async (url, _options, self: Command) =>
      (await import('./commands/peers.ts')).addPeer(url, self.optsWithGlobals()),
    );
  command(peers, 'remove', 'dial it no more, until the next start', 'hypha peers remove tcp://192.0.2.1:9651')
    .argument('<url>', 'its address, as `hypha peers` shows it')
    .action(async (url, _options, self: Command) =>
      (await import('./commands/peers.ts')).removePeer(url, self.optsWithGlobals()),
    );
}

function messageCommands(program: Command): void {
  command(program, 'send', 'send a message', 'echo hello | hypha send hub --topic greeting --wait')
    .argument('<to>', 'contact, public key or address')
    .argument('[text]', 'the message; default: standard input')
    .option('--topic <topic>', 'what it is about')
    .option(
      '--file <file>',
      "a file of any size, sent by the agent; it lies in the far agent's data directory, under files",
    )
    .option('--wait', 'until the far node has it; exit code 1 if it never does')
    .option('--timeout <seconds>', 'how long to wait; of a file: without progress', '300')
    .action(async (to, text, options) => (await import('./commands/send.ts')).send(to, text, options));
  command(program, 'recv', 'take messages', 'hypha recv --follow --json')
    .option('--topic <topic>', 'only this topic; with --consumer a topic filter')
    .option('--follow', 'go on for ever')
    .option('--consumer <name>', 'also what came while away: a durable place, acknowledged when written to stdout')
    .option('--files', 'where the files lie that have come')
    .option('--timeout <seconds>', 'how long to wait for the first', '30')
    .action(async (options) => (await import('./commands/recv.ts')).recv(options));
  consumerCommands(program);
  const transfers = command(
    program,
    'transfers',
    'files on their way, and the latest that ended',
    'hypha transfers --json',
    tabled,
  ).action(async (options) => (await import('./commands/transfers.ts')).transfers(options));
  command(transfers, 'cancel', 'end one, at either end', 'hypha transfers cancel 1f9a03c2')
    .argument('<id>', 'its id, or the first digits of it')
    .action(async (id, _options, self: Command) =>
      (await import('./commands/transfers.ts')).cancelTransfer(id, self.optsWithGlobals()),
    );
}

function consumerCommands(program: Command): void {
  const what = 'programs that hear of messages by a durable place of their own';
  const consumers = command(program, 'consumers', what, 'hypha consumers', tabled).action(async (options) =>
    (await import('./commands/consumers.ts')).consumers(options),
  );
  command(consumers, 'remove', 'forget one, and what waits for it', 'hypha consumers remove logger')
    .argument('<name>', 'as `hypha consumers` shows it')
    .action(async (name, _options, self: Command) =>
      (await import('./commands/consumers.ts')).removeConsumer(name, self.optsWithGlobals()),
    );
}

/** A command with what all of them take. */
function command(
  parent: Command,
  name: string,
  what: string,
  example: string,
  more: (made: Command) => Command = (made) => made,
): Command {
  const made = parent
    .command(name)
    .description(what)
    .option('--json', 'answer in JSON')
    .option('--config <file>', 'configuration file')
    .option('--data <directory>', 'state directory')
    .addHelpText('after', `\nExample:\n  ${example}`);
  return more(made);
}

/** A command that shows a table. */
const tabled = (made: Command): Command => made.option('--wide', 'cut nothing to the width of the terminal');

/** Nobody reads on (`hypha … | head`). */
function leaveQuietly(): void {
  process.exit();
}
