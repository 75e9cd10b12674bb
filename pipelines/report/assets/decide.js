// What other thresholds would do to the sampled pages: the recipe's rules, walked again.
// The same arithmetic as filters/rule.py: float64, undefined is not false.
const MISSING = 0xffff;
const KEPT = 0xffff;
const DECIDED = 0xfffe; // by something else than a rule, as in the run
const UNKNOWN = 0xfffd; // needs a value that was not measured
const FAILED = 0xfffc; // a rule is undefined on it
const SILENT = 0;
const FIRING = 1;
const UNDEFINED = 2;
const UNMEASURED = 3;

function readSample() {
  const { sample, rules } = data;
  const size = sample.size;
  const columns = sample.rules.map((column) => ({
    places: unpacked(column.places, Uint16Array),
    values: column.labels || unpacked(column.values, Float64Array),
  }));
  const outcome = unpacked(sample.outcome, Uint16Array);
  const exits = unpacked(sample.exits, Uint16Array);
  return { size, columns, outcome, audited: unpacked(sample.audited, Uint8Array),
    last: Math.max(...rules.map((rule) => rule.block), ...sample.walls.map((at) => (rules[at] || { block: 0 }).block)), exits, rules, walls: sample.walls, outcomes: sample.outcomes,
    weight: unpacked(sample.weight, Float64Array), tokens: unpacked(sample.tokens, Uint32Array),
    measured: measuredBlocks(columns, rules, size), reached: reachedRanks(sample, outcome, exits, rules) };
}

// By block: on which pages any of its rules has a value.
function measuredBlocks(columns, rules, size) {
  const blocks = new Map();
  rules.forEach((rule, rank) => {
    if (!blocks.has(rule.block)) blocks.set(rule.block, new Uint8Array(size));
    const found = blocks.get(rule.block);
    const { places } = columns[rank];
    for (let page = 0; page < size; page += 1) if (places[page] !== MISSING) found[page] = 1;
  });
  return blocks;
}

// How many rules each page came past in the run.
function reachedRanks(sample, outcome, exits, rules) {
  const byOutcome = sample.outcomes.map(([status, stage, rule]) => {
    if (status === 'kept') return rules.length;
    const name = (rule || '').replace(/^undefined:/, '');
    const rank = rules.findIndex((one) => one.stage === stage && one.name === name);
    return rank < 0 ? rules.length : rank;
  });
  return Uint16Array.from(outcome, (at, page) => Math.min(byOutcome[at], exits[page]));
}

// What a rule says of every page, written into `answers`.
function answer(sample, rank, constant, answers) {
  const { places, values } = sample.columns[rank];
  const measured = sample.measured.get(sample.rules[rank].block);
  const fires = FIRES[sample.rules[rank].op];
  const said = Uint8Array.from(values, (one) => (fires(one, constant) ? FIRING : SILENT));
  for (let page = 0; page < sample.size; page += 1) {
    const place = places[page];
    if (place !== MISSING) answers[page] = said[place];
    else answers[page] = measured[page] ? UNDEFINED : UNMEASURED;
  }
}

// Where each page ends when the rules that are `on` say `answers`: a rank, KEPT, DECIDED …
function walk(sample, answers, on, ends) {
  const most = sample.rules.length;
  for (let page = 0; page < sample.size; page += 1) {
    ends[page] = endOfPage(sample, answers, on, page, most);
  }
  return ends;
}

function endOfPage(sample, answers, on, page, most) {
  const exit = sample.exits[page];
  let unsaid = false; // a block of datatrove would have to be asked that the page had not come to
  for (let rank = 0; rank < most; rank += 1) {
    if (rank === exit) return DECIDED;
    unsaid ||= sample.walls.includes(rank) && sample.reached[page] < rank;
    if (!on[rank]) continue;
    const said = answers[rank][page];
    if (said === FIRING) return rank;
    if (said === UNDEFINED) return unsaid ? UNKNOWN : FAILED;
    if (said === UNMEASURED) return UNKNOWN;
  }
  unsaid ||= sample.walls.includes(most) && sample.reached[page] < most;
  if (unsaid) return UNKNOWN;
  return exit === most ? DECIDED : KEPT;
}

// Weighted sums of a walk: kept pages and tokens, undecided pages, pages that each rule removes.
function sums(sample, ends) {
  const found = { kept: 0, tokens: 0, unknown: 0, unknownTokens: 0, removed: new Float64Array(sample.rules.length) };
  for (let page = 0; page < sample.size; page += 1) {
    const weight = sample.weight[page];
    const end = ends[page];
    if (end === KEPT) {
      found.kept += weight;
      found.tokens += weight * sample.tokens[page];
    } else if (end === UNKNOWN) {
      found.unknown += weight;
      found.unknownTokens += weight * sample.tokens[page];
    } else if (end < sample.rules.length) found.removed[end] += weight;
  }
  return found;
}

const sample = readSample();
const recipe = { constants: data.rules.map((rule) => rule.constant), on: data.rules.map(() => true) };
const now = { constants: [...recipe.constants], on: [...recipe.on],
  answers: data.rules.map(() => new Uint8Array(sample.size)) };
now.answers.forEach((answers, rank) => answer(sample, rank, recipe.constants[rank], answers));
const before = { ends: walk(sample, now.answers, recipe.on, new Uint16Array(sample.size)) };
before.sums = sums(sample, before.ends);
now.ends = Uint16Array.from(before.ends);
now.sums = before.sums;

// What the audited pages say of those that are undecided: of audited ones whose rule lets them go
// now, and that have later rules before them, how many pass those as well.
function judged() {
  const found = { seen: 0, passing: 0 };
  for (let page = 0; page < sample.size; page += 1) {
    const was = before.ends[page];
    if (!sample.audited[page] || was >= data.rules.length || was === now.ends[page]) continue;
    if (sample.walls.some((wall) => was < wall)) continue;
    const { block } = data.rules[was];
    const is = now.ends[page];
    if (block === sample.last || (is < was) || (is < data.rules.length && data.rules[is].block === block)) continue;
    found.seen += sample.weight[page];
    if (is === KEPT) found.passing += sample.weight[page];
  }
  return found;
}

function decideAgain() {
  walk(sample, now.answers, now.on, now.ends);
  now.sums = sums(sample, now.ends);
}
