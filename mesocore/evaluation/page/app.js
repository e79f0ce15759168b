// The page: files in, answers out. What it computes with is in pixels.js, faces.js and verdicts.js.

const LIMITS = { bytes: 30e6, pixels: 60e6 };
const TYPES = ["image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"];
const byId = (id) => document.getElementById(id);
const about = JSON.parse(byId("about").textContent);
const pictures = [];
let networks = null;
let generation = 0; // of judging: what an older one finds is dropped

const stored = (id) => Uint8Array.from(atob(byId(id).textContent), (c) => c.charCodeAt(0));
const say = (text) => { byId("status").textContent = text; };

async function load() {
  const code = URL.createObjectURL(new Blob([stored("ort")], { type: "text/javascript" }));
  const ort = await import(code);
  const packed = new Blob([stored("wasm")]).stream().pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.wasmBinary = await new Response(packed).arrayBuffer();
  ort.env.wasm.numThreads = 1; // more take headers that a file on disk does not have
  const options = { executionProviders: ["wasm"] };
  const finder = await ort.InferenceSession.create(stored("finder"), options);
  const judge = await ort.InferenceSession.create(stored("detector"), options);
  return { Tensor: ort.Tensor, finder, judge };
}

// Files that were chosen, dropped or pasted.
function add(files) {
  for (const file of files) {
    const picture = { name: file.name || "pasted picture", file, faces: [], error: refusal(file) };
    pictures.unshift(picture);
    show(picture);
  }
  judgeAll();
}

function refusal(file) {
  if (!TYPES.includes(file.type)) return "Not a picture of a kind that can be read here.";
  if (file.size > LIMITS.bytes) return "Larger than 30 MB.";
  return null;
}

async function decoded(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error("It cannot be read: the file is damaged, or of another kind than it says.");
  }
  if (bitmap.width * bitmap.height > LIMITS.pixels) throw new Error("Larger than 60 megapixels.");
  return bitmap;
}

function canvasOf(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })];
}

function toImage(source, width, height) {
  const [, context] = canvasOf(width, height);
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

async function throughJpeg(image, quality) {
  const [canvas, context] = canvasOf(image.width, image.height);
  context.putImageData(new ImageData(image.data, image.width, image.height), 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 });
  return toImage(await createImageBitmap(blob), image.width, image.height);
}

async function judged(picture, wanted) {
  const bitmap = await decoded(picture.file);
  const [width, height] = [bitmap.width, bitmap.height].map((side) =>
    Math.max(1, Math.round(side * wanted.scale)));
  let image = toImage(bitmap, width, height);
  if (wanted.quality <= 100) image = await throughJpeg(image, wanted.quality);
  const faces = await findFaces(image);
  for (const face of faces) {
    face.square = squareAbout(face, width, height, about.preparation.margin);
    if (2 * face.square.side < about.size) {
      face.error = `Too small to judge: ${face.square.side} pixels, at least ${about.size / 2} needed.`;
    } else {
      Object.assign(face, await score(image, face.square));
    }
  }
  return { image, faces };
}

async function findFaces(image) {
  const { scale, width, height } = finderSize(image.width, image.height);
  const small = scale === 1 ? image : shrunk(image, width, height);
  const { data, width: wide, height: high } = finderInput(small);
  const input = new networks.Tensor("float32", data, [1, 3, high, wide]);
  const outputs = await networks.finder.run({ input });
  return facesFrom(Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [name, tensor.data])), wide, scale);
}

async function score(image, square) {
  const { size, quality } = about.preparation;
  let face = cutOut(image, square, size);
  if (quality) face = await throughJpeg(face, quality);
  const images = new networks.Tensor("uint8", planes(face), [1, 3, size, size]);
  const { logit, probability_fake: probability, probability_kind: kind, evidence } = await networks.judge.run({ images });
  if (!Number.isFinite(logit.data[0])) return { error: "The detector gives no finite score for it." };
  return { probability: probability.data[0], known: !kind || kind.data[0] >= about.kind_from, evidence };
}

async function judgeAll() {
  if (!networks) return;
  const mine = ++generation;
  const wanted = { quality: +byId("quality").value, scale: byId("scale").value / 100 };
  const open = pictures.filter((picture) => !refusal(picture.file));
  for (const [number, picture] of open.entries()) {
    say(`Judging picture ${number + 1} of ${open.length} …`);
    try {
      const found = await judged(picture, wanted);
      if (mine !== generation) return;
      Object.assign(picture, found, { error: null });
    } catch (error) {
      if (mine !== generation) return;
      Object.assign(picture, { faces: [], image: null, error: error.message });
    }
    show(picture);
  }
  if (mine === generation) say(summary());
}

function summary() {
  if (!pictures.length) return "Ready. Choose a picture.";
  const faces = pictures.flatMap((picture) => picture.faces);
  const said = ["real", "fake", "unsure"].map((word) => [word,
    faces.filter((face) => face.probability !== undefined && answer(face).verdict === word).length]);
  return `${pictures.length} picture${pictures.length > 1 ? "s" : ""}, ${faces.length} face` +
    `${faces.length === 1 ? "" : "s"}: ${said.map(([word, n]) => `${n} ${word}`).join(", ")}.`;
}

const answer = (face) => inWords(face.probability, +byId("prior").value, about.band, face.known);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function show(picture) {
  const remove = make("button", { type: "button", textContent: "Remove" });
  remove.setAttribute("aria-label", `Remove ${picture.name}`);
  remove.onclick = () => {
    pictures.splice(pictures.indexOf(picture), 1);
    picture.card.remove();
    say(summary());
    byId("files").focus();
  };
  const card = make("article", { className: "picture" },
    make("h3", {}, make("span", { textContent: picture.name }), remove));
  if (picture.image) card.append(drawn(picture));
  card.append(answers(picture));
  if (picture.card) picture.card.replaceWith(card);
  else byId("pictures").prepend(card);
  picture.card = card;
}

function answers(picture) {
  if (picture.error) return make("p", { className: "answer error", textContent: picture.error });
  if (!picture.image) return make("p", { className: "answer error", textContent: "Waiting …" });
  if (!picture.faces.length) {
    return make("p", { className: "answer error", textContent: "No face was found, so nothing is judged." });
  }
  return make("ol", {}, ...picture.faces.map((face, number) => answerTo(face, number + 1)));
}

function answerTo(face, number) {
  const title = `Face ${number}`;
  if (face.error) {
    return make("li", { className: "answer error" }, make("p", { textContent: `${title}. ${face.error}` }));
  }
  const { verdict, probability, words } = answer(face);
  const meter = make("meter", { min: 0, max: 1, value: probability });
  meter.setAttribute("aria-label", `${title}: chance of a fake`);
  return make("li", { className: `answer ${verdict}` },
    make("p", {}, `${title}: `, make("b", { textContent: verdict })),
    meter, make("p", { textContent: words }));
}

// The picture with a box, a number and a verdict for each face.
function drawn(picture) {
  const { image } = picture;
  const scale = Math.min(1, 900 / image.width);
  const canvas = make("canvas", { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
  const said = picture.faces.map((face, n) => `face ${n + 1} ${face.error ? "not judged" : answer(face).verdict}`);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${picture.name}: ${said.join(", ") || "no face"}`);
  const context = canvas.getContext("2d");
  const [whole, all] = canvasOf(image.width, image.height);
  all.putImageData(new ImageData(image.data, image.width, image.height), 0, 0);
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  if (byId("evidence").checked) picture.faces.forEach((face) => heat(context, face, scale));
  picture.faces.forEach((face, number) => box(context, face, number + 1, scale));
  return canvas;
}

const COLOURS = { real: "#1b6e3c", fake: "#b3261e", unsure: "#6b5900", error: "#5d6470" };

// Where the network found evidence in a face, over that face.
function heat(context, face, scale) {
  if (!face.evidence) return;
  const [, height, width] = face.evidence.dims;
  const [layer, places] = canvasOf(width, height);
  places.putImageData(new ImageData(heatOf(face.evidence.data), width, height), 0, 0);
  const [x, y, side] = [face.square.left, face.square.top, face.square.side].map((v) => v * scale);
  context.filter = "grayscale(1)"; // on skin, orange would hardly show
  context.drawImage(context.canvas, x, y, side, side, x, y, side, side);
  context.filter = "none";
  context.imageSmoothingQuality = "high";
  context.drawImage(layer, x, y, side, side);
}

function box(context, face, number, scale) {
  const word = face.error ? "error" : answer(face).verdict;
  const [x, y, side] = [face.square.left, face.square.top, face.square.side].map((v) => v * scale);
  const size = Math.max(8, context.canvas.width / 24);
  context.lineWidth = Math.max(3, context.canvas.width / 200);
  context.strokeStyle = context.fillStyle = COLOURS[word];
  context.setLineDash(word === "unsure" ? [10, 6] : []);
  context.strokeRect(x, y, side, side);
  context.font = `600 ${size}px system-ui, sans-serif`;
  const label = `${number} ${face.error ? "not judged" : word}`;
  const wide = context.measureText(label).width + size;
  const top = Math.max(0, y - 1.5 * size);
  context.fillRect(Math.min(x, context.canvas.width - wide), top, wide, 1.5 * size);
  context.fillStyle = "white";
  context.fillText(label, Math.min(x, context.canvas.width - wide) + size / 2, top + 1.1 * size);
}

function listen() {
  byId("files").onchange = (event) => {
    add(event.target.files);
    event.target.value = ""; // so that the same file can be chosen again
  };
  const drop = byId("drop");
  document.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
  document.ondragleave = () => drop.classList.remove("over");
  document.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add(event.dataTransfer.files);
  };
  document.onpaste = (event) => add(event.clipboardData.files);
  byId("prior").onchange = () => { pictures.forEach(show); say(summary()); };
  byId("evidence").onchange = () => pictures.forEach(show);
  let waiting = 0;
  for (const name of ["quality", "scale"]) {
    byId(name).oninput = (event) => {
      const value = +event.target.value;
      const off = name === "quality" ? value > 100 : value === 100;
      byId(`${name}-said`).textContent = off ? "no" : name === "quality" ? `quality ${value}` : `to ${value} %`;
      clearTimeout(waiting);
      waiting = setTimeout(judgeAll, 200);
    };
  }
}

listen();
try {
  networks = await load();
  byId("evidence-shown").hidden = !networks.judge.outputNames.includes("evidence");
  say(summary());
  judgeAll();
} catch (error) {
  say(`The network could not be loaded: ${error.message}`);
}
document.documentElement.dataset.ready = "yes";
