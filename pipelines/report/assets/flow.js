// The funnel as a stream that grows narrower from rule to rule.
const TURN = 9;

function flowRows(unit) {
  return data.impact
    .map((row) => ({ ...row, name: row.rule, taken: unit === 'pages' ? gone(row) : row.removed_tokens,
      came: unit === 'pages' ? row.reached_pages : row.reached_tokens }))
    .filter((row) => row.taken > 0);
}

function drawFlow() {
  let unit = 'pages';
  const figure = byId('flow-chart');
  const units = [['pages', 'Pages'], ['tokens', 'Tokens']];
  const again = responsive(figure, (width) => flowPicture(width, unit), flowTable());
  choice(byId('flow-unit'), units, unit, (key) => { unit = key; again(); });
}

function flowPicture(width, unit) {
  const rows = flowRows(unit);
  const total = unit === 'pages' ? data.totals.pages : data.totals.tokens;
  const narrow = width < 620;
  const room = { width, total: Math.max(total, 1), narrow, unit,
    stream: narrow ? Math.round(width * 0.3) : Math.min(300, Math.round(width * 0.36)),
    text: narrow ? Math.round(width * 0.3) + 26 : Math.min(300, Math.round(width * 0.36)) + 64 };
  const parts = [label(0, 16, `${count(total)} ${unit} came in`, 'strong')];
  let left = total;
  let y = 28;
  const edge = [[left, y]];
  let stage = null;
  for (const row of rows) {
    if (row.stage !== stage) {
      stage = row.stage;
      parts.push(...stageLine(room, stage, y));
      y += 34;
    }
    const height = ribbon(parts, room, row, left, y);
    edge.push([left, y], [left - row.taken, y]);
    left -= row.taken;
    y += height;
  }
  edge.push([left, y + 14]);
  parts.unshift(stream(room, edge, y + 14));
  parts.push(...endOf(room, left, y + 14));
  return picture(width, y + 62, `Stream of ${unit}: ${count(total)} came in, ${count(left)} are left`,
    gradient(), ...parts);
}

function gradient() {
  const stops = [['0', 'from'], ['1', 'to']].map(([offset, kind]) => shape('stop', { offset, class: `leave-${kind}` }));
  return shape('defs', {}, shape('linearGradient', { id: 'leave', x1: 0, y1: 0, x2: 1, y2: 0 }, ...stops));
}

function stageLine(room, stage, y) {
  const name = (STAGES[stage] || stage).toUpperCase();
  return [label(room.text, y + 23, name, 'stage'),
    shape('line', { x1: room.text, x2: room.width, y1: y + 30, y2: y + 30, class: 'rule' })];
}

function ribbon(parts, room, row, left, y) {
  const at = (amount) => (amount / room.total) * room.stream;
  const right = at(left);
  const thick = Math.max(at(row.taken), 0.75);
  const inner = right - thick;
  const top = y + TURN;
  const end = room.text - 8;
  parts.push(shape('path', { class: 'leaving', d:
    `M${right} ${y}Q${right} ${top} ${right + TURN} ${top}H${end}V${top + thick}H${right + TURN}` +
    `Q${inner} ${top + thick} ${inner} ${y}Z` }));
  const middle = top + thick / 2;
  const told = `${short(row.taken)} · ${share(row.taken, row.came)}`;
  if (room.narrow) {
    parts.push(label(room.text, middle, row.name, 'name'), label(room.text, middle + 14, told, 'faint'));
    return Math.max(36, thick + TURN + 20);
  }
  parts.push(label(room.text, middle + 4, row.name, 'name'),
    label(room.width - 74, middle + 4, short(row.taken), 'figure', 'end'),
    label(room.width, middle + 4, share(row.taken, row.came), 'figure faint', 'end'));
  return Math.max(22, thick + TURN + 4);
}

function stream(room, edge, bottom) {
  const at = (amount) => Math.max((amount / room.total) * room.stream, 1);
  const path = edge.map(([amount, y]) => `L${at(amount)} ${y}`).join('');
  return shape('path', { class: 'stream', d: `M0 28${path}V${bottom}H0Z` });
}

function endOf(room, left, y) {
  const { totals } = data;
  const pages = room.unit === 'pages' ? left : totals.kept;
  return [label(0, y + 26, `${count(pages)} pages kept`, 'strong kept'),
    label(0, y + 45, `${count(totals.kept_tokens)} tokens`, 'faint')];
}

function flowTable() {
  const rows = data.impact.map((row) => [row.rule, STAGES[row.stage] || row.stage, count(row.reached_pages),
    count(gone(row)), share(gone(row), row.reached_pages), count(row.removed_tokens)]);
  return asTable('What each rule took', ['rule', 'stage', 'pages that came', 'pages taken', 'share', 'tokens taken'], rows);
}
