// From a score to words. No DOM in here.

// P(fake) where a share `prior` of such pictures is fake; the detector's own assumes one half.
function atPrior(probability, prior) {
  const odds = (probability / (1 - probability)) * (prior / (1 - prior));
  return Number.isFinite(odds) ? odds / (1 + odds) : 1;
}

// `known`: whether the face is like what was learnt.
function verdictOf(probability, band, known = true) {
  if (!known) return "unsure";
  if (probability < band.real_below) return "real";
  return probability >= band.fake_from ? "fake" : "unsure";
}

function percent(probability) {
  if (probability > 0.995) return "over 99\u00a0%";
  return probability < 0.005 ? "under 1\u00a0%" : `${Math.round(100 * probability)}\u00a0%`;
}

const SAID = {
  real: "No trace of a forgery that it knows.",
  fake: "It looks like the forgeries that it learnt from.",
  unsure: "It cannot tell. That is an answer too.",
  unknown: "It is like nothing that it learnt from, so it does not say.",
};

// What a face's answer means, in one or two sentences.
function inWords(probability, prior, band, known = true) {
  const there = atPrior(probability, prior);
  const verdict = verdictOf(there, band, known);
  const own = verdictOf(probability, band, known);
  const said = own === verdict ? SAID[known ? verdict : "unknown"] : `By itself ${own}; where so few are fake, ${verdict}.`;
  const base = prior === 0.5 ? "" : `, ${percent(there)} if ${shareInWords(prior)} is`;
  return {
    verdict,
    probability: there,
    words: `${said} Chance of a fake: ${percent(probability)} if half of such pictures are fake${base}.`,
  };
}

function shareInWords(prior) {
  return `1 in ${Math.round(1 / prior).toLocaleString("en")}`;
}

// Evidence by place, from 0, as a layer of colour: the more, the less transparent, on its own scale.
function heatOf(values) {
  const most = Math.max(...values);
  const layer = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, place) => {
    layer.set([213, 94, 0, most > 0 ? Math.round(200 * value / most) : 0], 4 * place);
  });
  return layer;
}
