import type { Account } from '../../test/load/audit.ts';
import type { Paint } from './paint.ts';

/** Nothing lost, doubled, out of order or made up, and everything that was sent has arrived. */
export function isClean(account: Account): boolean {
  const faults = account.lost + account.doubled + account.copies + account.outOfOrder + account.invented;
  return (
    faults === 0 && account.sent > 0 && account.delivered === account.sent && account.acknowledged === account.sent
  );
}

/** The account for people. */
export function accountLines(account: Account, auditsAddUp: boolean, paint: Paint): string[] {
  const row = (name: string, value: number, fault: boolean): string => {
    const figure = value.toLocaleString('en-US').padStart(9);
    const colour = fault && value > 0 ? paint.red : fault ? paint.green : paint.bold;
    return `    ${name.padEnd(14)}${colour(figure)}`;
  };
  const audits = auditsAddUp ? paint.green('add up') : paint.red('do not add up');
  const verdict =
    isClean(account) && auditsAddUp
      ? paint.green('✔ every reading arrived, once and in order')
      : paint.red('✘ not every reading arrived once and in order');
  return [
    '',
    `  ${paint.bold('the account')}`,
    row('sent', account.sent, false),
    row('delivered', account.delivered, false),
    row('doubled', account.doubled + account.copies, true),
    row('out of order', account.outOfOrder, true),
    row('lost', account.sent - account.delivered, true),
    `    ${'ring audits'.padEnd(17)}${audits}`,
    '',
    `  ${verdict}`,
    '',
  ];
}
