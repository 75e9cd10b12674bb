// A rule's scale: values to places on its slider and its axis, from 0 to 1.
function makeScale(stops) {
  const last = stops.length - 1;
  const place = (number) => {
    if (number <= stops[0]) return 0;
    if (number >= stops[last]) return 1;
    let low = 0;
    let high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (stops[middle] <= number) low = middle;
      else high = middle;
    }
    return (low + (number - stops[low]) / (stops[high] - stops[low])) / last;
  };
  const nearest = (number) => Math.round(place(number) * last);
  return { stops, last, place, nearest };
}

const scales = new Map(
  Object.entries(data.stops).map(([rank, stops]) => [Number(rank), makeScale(stops)]));

// About `most` round values for an axis, with their places.
function ticks(scale, most) {
  const found = [];
  for (let at = 0; at <= most; at += 1) {
    const stop = scale.stops[Math.round((at / most) * scale.last)];
    found.push([stop, scale.place(stop)]);
  }
  return found;
}

// Whether a rule with this operator and threshold fires on a value.
const FIRES = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
};
