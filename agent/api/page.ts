/**
 * The status page: one file, nothing from elsewhere, readable on a telephone, light or dark as the reader has it. It asks
 * the same endpoints as the command line, and puts what it is told in as text, never as markup.
 */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const style = `
:root { color-scheme: light dark; --line: #8884; --good: light-dark(#1d7a3c, #56c47c); --bad: light-dark(#b3261e, #ff8a7d); --soft: light-dark(#5f6368, #a3a8ae) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1rem; margin: 1.6rem 0 .3rem }
code { font-size: .85em; overflow-wrap: anywhere }
.soft { color: var(--soft) } .good { color: var(--good) } .bad { color: var(--bad) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600; font-size: .85em } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
meter { width: 100%; height: .8rem }
.topics { white-space: normal; overflow-wrap: anywhere }
@media (max-width: 45rem) {
  table, tbody, tr, td { display: block } tr.head { display: none }
  tr { border-bottom: 1px solid var(--line); padding: .3rem 0 }
  td, td.n { border: 0; padding: .05rem 0; display: grid; grid-template-columns: 8.5rem 1fr; text-align: left; white-space: normal; overflow-wrap: anywhere }
  td[data-head]::before { content: attr(data-head); color: var(--soft); font-size: .85em }
  td[data-first] { font-weight: 600 } td:not([data-head]) { display: block }
}
`;

const script = `
const $ = (id) => document.getElementById(id);
const ask = async (path) => (await fetch('/hypha/v1/' + path)).json();
const size = (n) => { const u = ['B', 'kB', 'MB', 'GB']; let i = 0; while (n >= 1024 && i < 3) { n /= 1024; i++ } return (i && n < 10 ? n.toFixed(1) : Math.round(n)) + ' ' + u[i] };
const span = (s) => s < 120 ? Math.round(s) + ' s' : s < 7200 ? Math.round(s / 60) + ' min' : s < 172800 ? Math.round(s / 3600) + ' h' : Math.round(s / 86400) + ' d';
const ms = (n) => n === null ? '–' : n < 10 ? n.toFixed(1) + ' ms' : Math.round(n) + ' ms';
function fill(id, head, rows, none) {
  const table = $(id); table.replaceChildren();
  if (rows.length === 0) { table.insertRow().insertCell().textContent = none; return }
  const top = table.insertRow(); top.className = 'head';
  for (const [text, number] of head) { const th = document.createElement('th'); th.textContent = text; if (number) th.className = 'n'; top.append(th) }
  for (const row of rows) { const tr = table.insertRow(); row.forEach((cell, i) => { const td = tr.insertCell(); td.textContent = cell; td.dataset.head = head[i][0]; if (i === 0 && !head[i][1]) td.dataset.first = ''; td.className = head[i][1] ? 'n' : head[i][0] === 'topics' ? 'topics' : cell === 'alive' ? 'good' : cell === 'dead' ? 'bad' : '' }) }
}
async function turn() {
  try {
    const [s, links, peers, audit] = await Promise.all(['status', 'links', 'peers', 'ring/audit'].map(ask));
    document.title = s.name + ' · hypha';
    $('name').textContent = s.name; $('key').textContent = s.publicKey; $('address').textContent = s.address;
    $('up').textContent = 'up ' + span(s.uptimeSeconds) + ' · version ' + s.version;
    const ok = s.ring.state === 'ok'; $('state').className = ok ? 'good' : 'bad';
    $('state').textContent = ok ? 'takes messages' : s.ring.state + (s.ring.why ? ': ' + s.ring.why : '');
    $('meter').max = s.ring.sizeBytes; $('meter').value = s.ring.usedBytes;
    $('ring').textContent = size(s.ring.usedBytes) + ' of ' + size(s.ring.sizeBytes) + ', oldest ' + span(s.ring.oldestAge / 1000) + (s.ring.damagedRecords ? ', ' + s.ring.damagedRecords + ' records damaged' : '');
    $('audit').className = audit.addsUp ? 'good' : 'bad';
    $('audit').textContent = audit.addsUp ? 'everything is accounted for' : 'NOT everything is accounted for';
    fill('links', [['link'], ['to'], ['lane'], ['state'], ['pending', 1], ['delivered', 1], ['round trip', 1], ['topics']], links.map((l) => [l.name, l.to, l.lane, l.state, l.pending, l.delivered, ms(l.roundTripMs), l.topics.join(' ')]), 'no [[link]] is configured');
    fill('peers', [['peer'], ['kind'], ['state'], ['round trip', 1], ['in', 1], ['out', 1]], peers.map((p) => [p.endpoint, p.kind, p.state, ms(p.roundTripMs), size(p.rxBytes), size(p.txBytes)]), 'no neighbour yet');
    const b = s.broker;
    fill('broker', [['clients', 1], ['sessions', 1], ['received', 1], ['sent', 1], ['waiting for an ack', 1]], [[b.connections, b.sessions, b.received, b.sent, b.held]], '');
    $('gone').hidden = true;
  } catch { $('gone').hidden = false }
  setTimeout(turn, document.hidden ? 10000 : 2000);
}
turn();
`;

export const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>hypha</title><style>${style}</style></head><body>
<h1 id="name">hypha</h1><div class="soft" id="up"></div>
<p id="gone" class="bad" hidden>The agent does not answer.</p>
<div><code id="key"></code><br><code id="address" class="soft"></code></div>
<h2>Ring <span id="state"></span></h2><meter id="meter" min="0"></meter><div id="ring"></div><div id="audit"></div>
<h2>Links</h2><table id="links"></table>
<h2>Peers</h2><table id="peers"></table>
<h2>MQTT</h2><table id="broker"></table>
<script>${script}</script></body></html>
`;
