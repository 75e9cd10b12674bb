// Sets of rules that fire on the same pages (UpSet): a column a set, a row a rule.
function drawOverlap() {
  const { overlap } = data;
  const lead = byId('overlap-lead');
  if (!overlap.sets.length) {
    lead.append('No rule on the text fires on any page.');
    return;
  }
  const alone = overlap.sets.filter((set) => set.ranks.length === 1).reduce((sum, set) => sum + set.pages, 0);
  lead.append(`Of the ${count(overlap.pages)} pages on which some rule on the text fires, each column is the share on which exactly the marked rules do; `
    + `on ${share(alone, overlap.pages)} it is one rule alone. Rules after an edit were measured only on pages that came so far, and on audited ones.`);
  responsive(byId('overlap-chart'), overlapPicture, overlapTable(overlap));
}

function overlapPicture(width) {
  const { overlap } = data;
  const names = width < 620 ? 132 : 214;
  const side = width < 620 ? 30 : 92;
  const step = 21;
  const room = width - names - side;
  const sets = overlap.sets.slice(0, Math.max(Math.floor(room / 17), 4));
  const used = overlap.rules.filter((rule) => sets.some((set) => set.ranks.includes(rule.rank)));
  const wide = Math.min(room / sets.length, 30);
  const top = 118;
  const parts = [];
  sets.forEach((set, at) => overlapColumn(parts, { set, used, step, top, most: overlap.sets[0].pages,
    x: names + side + (at + 0.5) * wide, wide }));
  const most = Math.max(...used.map((rule) => rule.pages));
  const behind = used.map((rule, at) => overlapRow({ rule, y: top + 14 + at * step, names, side, step, most, width, striped: at % 2 === 0 }));
  return picture(width, top + 18 + used.length * step, `Overlap of ${used.length} rules: the ${sets.length} largest sets`,
    ...behind.flat(), ...parts);
}

function overlapRow({ rule, y, names, side, step, most, width, striped }) {
  const name = data.rules[rule.rank].name;
  const long = (side - 26) * (rule.pages / most);
  return [shape('rect', { x: 0, y, width, height: step, class: striped ? 'stripe' : 'nothing' }),
    label(names - 8, y + 15, fitted(name, names - 8), 'name', 'end'),
    shape('rect', { x: names, y: y + 6, width: Math.max(long, 1), height: step - 12, class: 'removed' },
      shape('title', {}, `${name}: ${count(rule.pages)} pages`)),
    label(names + long + 4, y + 15, short(rule.pages), 'tiny faint')].slice(0, side > 60 ? 4 : 2);
}

function overlapColumn(parts, { set, used, step, top, most, x, wide }) {
  const height = Math.max((top - 22) * (set.pages / most), 1);
  const name = set.ranks.map((rank) => data.rules[rank].name).join(', ');
  const thick = Math.min(wide * 0.56, 14);
  parts.push(shape('rect', { x: x - thick / 2, y: top - height, width: thick, height, class: set.ranks.length === 1 ? 'kept' : 'both' },
    shape('title', {}, `${name}: ${count(set.pages)} pages`)));
  parts.push(label(x, top - height - 5, short(set.pages), 'tiny', 'middle'));
  const dots = [];
  used.forEach((rule, at) => {
    const inside = set.ranks.includes(rule.rank);
    const y = top + 14 + at * step + step / 2;
    if (inside) dots.push(y);
    parts.push(shape('circle', { cx: x, cy: y, r: inside ? 5 : 2.4, class: inside ? (set.ranks.length === 1 ? 'kept' : 'both') : 'empty' }));
  });
  if (dots.length > 1) parts.push(shape('line', { x1: x, x2: x, y1: dots[0], y2: dots.at(-1), class: 'joined' }));
}

function overlapTable(overlap) {
  const rows = overlap.sets.map((set) => [set.ranks.map((rank) => data.rules[rank].name).join(' + '),
    count(set.pages), share(set.pages, overlap.pages)]);
  if (overlap.others) rows.push(['all other sets', count(overlap.others), share(overlap.others, overlap.pages)]);
  return asTable('Sets of rules that fire on the same pages', ['rules', 'pages', 'share'], rows);
}
