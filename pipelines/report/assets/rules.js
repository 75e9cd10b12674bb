// The table of rules: what each removed, would remove alone, and removes that no other would.
const FINDINGS = 12;
const KINDS = ['steep', 'one_domain', 'covered', 'redundant'];
const RULE_HEAD = ['Rule', 'Came', 'Removed here', 'Share', 'Alone', 'Only it'];

function drawRules() {
  const rows = data.impact.filter((row) => row.expression !== null || gone(row) > 0);
  const most = Math.max(...rows.map(gone), 1);
  const head = RULE_HEAD.map((name, at) => el('th', { scope: 'col', class: at ? 'number' : null }, name));
  const body = el('tbody');
  let stage = null;
  for (const row of rows) {
    if (row.stage !== stage) {
      stage = row.stage;
      body.append(el('tr', { class: 'group' }, el('th', { colspan: 6, scope: 'rowgroup' }, STAGES[stage] || stage)));
    }
    body.append(ruleRow(row, most));
  }
  const whole = el('table', { class: 'rules' }, el('caption', { class: 'unseen' }, 'What each rule does'),
    el('thead', {}, el('tr', {}, ...head)), body);
  byId('rules-table').append(el('div', { class: 'scroll', tabindex: '0', role: 'region',
    'aria-label': 'What each rule does' }, whole));
  drawFindings();
}

// What stands out, the rarest kinds first; rules that never fire are one line.
function drawFindings() {
  const found = data.findings.filter((one) => one.kind !== 'idle');
  const idle = data.findings.filter((one) => one.kind === 'idle').map((one) => one.rule);
  if (!data.findings.length) return;
  found.sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
  const items = found.map((one) => el('li', {}, el('b', {}, one.rule), ` ${one.says}`));
  const list = (some) => el('ul', { class: 'stand-out' }, ...some);
  byId('rules-findings').append(el('h3', {}, 'What stands out'), list(items.slice(0, FINDINGS)));
  if (items.length > FINDINGS) {
    byId('rules-findings').append(el('details', { class: 'more' },
      el('summary', {}, `${items.length - FINDINGS} more`), list(items.slice(FINDINGS))));
  }
  if (idle.length) byId('rules-findings').append(el('p', { class: 'soft idle-rules' }, `Fires on no page: ${idle.join(', ')}.`));
}

function ruleRow(row, most) {
  const bar = el('span', { class: 'meter', 'aria-hidden': 'true' }, el('span'));
  bar.firstChild.style.width = `${(100 * gone(row)) / most}%`;
  const said = row.expression === null ? '' : row.expression.replaceAll('text.', '');
  return el('tr', { class: gone(row) ? null : 'idle' },
    el('th', { scope: 'row' }, el('span', { class: 'rule-name' }, ...breakable(row.rule)), el('code', {}, said)),
    el('td', { class: 'number' }, short(row.reached_pages)),
    el('td', { class: 'number' }, bar, count(gone(row))),
    el('td', { class: 'number' }, share(gone(row), row.reached_pages)),
    estimated(row, 'alone_pages'), estimated(row, 'only_pages'));
}

function estimated(row, name) {
  const figure = row[name];
  if (figure === null || figure === undefined) return el('td', { class: 'number' }, '');
  const [low, high] = [row[`${name}_low`], row[`${name}_high`]];
  if (Math.round(low) === Math.round(high)) return el('td', { class: 'number' }, count(figure));
  return el('td', { class: 'number' }, `≈${THIN}${short(figure)}`,
    el('span', { class: 'interval' }, `${short(low)} – ${short(high)}`));
}
