// Pixels as the Python package prepares them: Pillow's Lanczos, OpenCV's area means, squares about
// faces. An image is {width, height, data}, data RGBA as in ImageData. No DOM in here.

const LANCZOS = 3; // Pillow's: the window is three pixels of the smaller image wide
const BITS = 22; // of Pillow's fixed-point weights

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

// For each output pixel: the first input pixel that counts, and the whole-number weights.
function lanczosWeights(from, to) {
  const scale = from / to;
  const wide = Math.max(scale, 1);
  const support = LANCZOS * wide;
  const found = [];
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let j = first; j < end; j++) {
      const x = (j - centre + 0.5) / wide;
      weights.push(Math.abs(x) < LANCZOS ? sinc(x) * sinc(x / LANCZOS) : 0);
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    const whole = weights.map((w) => {
      const scaled = (w / sum) * 2 ** BITS;
      return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    });
    found.push([first, whole]);
  }
  return found;
}

// The square {left, top, side} of an image, `size` pixels a side: as Image.crop and Image.resize.
function cutOut(image, square, size) {
  const { left, top, side } = square;
  const across = lanczosWeights(side, size);
  const narrow = new Uint8ClampedArray(size * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < size; x++) {
      const [first, weights] = across[x];
      for (let c = 0; c < 3; c++) {
        let sum = 2 ** (BITS - 1);
        for (let k = 0; k < weights.length; k++) {
          sum += weights[k] * image.data[4 * ((top + y) * image.width + left + first + k) + c];
        }
        narrow[3 * (y * size + x) + c] = Math.floor(sum / 2 ** BITS);
      }
    }
  }
  const data = new Uint8ClampedArray(size * size * 4).fill(255);
  for (let y = 0; y < size; y++) {
    const [first, weights] = across[y]; // a square: the same weights
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 2 ** (BITS - 1);
        for (let k = 0; k < weights.length; k++) {
          sum += weights[k] * narrow[3 * ((first + k) * size + x) + c];
        }
        data[4 * (y * size + x) + c] = Math.floor(sum / 2 ** BITS);
      }
    }
  }
  return { width: size, height: size, data };
}

// Shares of each input pixel in an output pixel, as OpenCV's INTER_AREA has them.
function areaWeights(from, to) {
  const scale = from / to;
  const found = [];
  for (let i = 0; i < to; i++) {
    const begin = i * scale;
    const end = Math.min(begin + scale, from);
    const first = Math.floor(begin + 1e-9);
    const weights = [];
    for (let j = first; j < end - 1e-9; j++) {
      weights.push((Math.min(end, j + 1) - Math.max(begin, j)) / (end - begin));
    }
    found.push([first, weights]);
  }
  return found;
}

// A smaller image of means over areas.
function shrunk(image, width, height) {
  const across = areaWeights(image.width, width);
  const down = areaWeights(image.height, height);
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  const line = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    const [top, rows] = down[y];
    for (let r = 0; r < rows.length; r++) {
      const start = (top + r) * image.width;
      for (let x = 0; x < width; x++) {
        const [first, weights] = across[x];
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let k = 0; k < weights.length; k++) {
            sum += weights[k] * image.data[4 * (start + first + k) + c];
          }
          line[3 * x + c] += rows[r] * sum;
        }
      }
    }
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) data[4 * (y * width + x) + c] = line[3 * x + c]; // rounds
    }
  }
  return { width, height, data };
}

// Python's: halves to the even number.
function round(x) {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

// The square about a face {left, top, width, height}, its side `margin` times the face's; moved
// where the picture ends, and made smaller at last.
function squareAbout(face, width, height, margin) {
  const longest = Math.max(face.width, face.height);
  const side = Math.max(1, Math.min(round(margin * longest), width, height));
  const place = (middle, length) => round(Math.min(Math.max(0, middle - side / 2), length - side));
  return {
    left: place(face.left + face.width / 2, width),
    top: place(face.top + face.height / 2, height),
    side,
  };
}

// RGBA -> planes of uint8, R, G, B: what the network takes.
function planes(image) {
  const many = image.width * image.height;
  const out = new Uint8Array(3 * many);
  for (let i = 0; i < many; i++) {
    for (let c = 0; c < 3; c++) out[c * many + i] = image.data[4 * i + c];
  }
  return out;
}
