// Faces in a picture: YuNet, its outputs read as OpenCV's FaceDetectorYN reads them. No DOM in here.

const FINDER = { longest: 640, leastScore: 0.7, overlap: 0.3, strides: [8, 16, 32] };

// How large the picture is shown to the face finder: its longer side at most 640.
function finderSize(width, height) {
  const scale = Math.min(1, FINDER.longest / Math.max(width, height));
  if (scale === 1) return { scale, width, height };
  return {
    scale,
    width: Math.max(1, round(width * scale)),
    height: Math.max(1, round(height * scale)),
  };
}

// RGBA -> float planes B, G, R, in the upper left corner of a whole number of strides.
function finderInput(image) {
  const [width, height] = [image.width, image.height].map((length) => 32 * Math.ceil(length / 32));
  const data = new Float32Array(3 * width * height);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      for (let c = 0; c < 3; c++) {
        data[((2 - c) * height + y) * width + x] = image.data[4 * (y * image.width + x) + c];
      }
    }
  }
  return { data, width, height };
}

// The finder's outputs by name (arrays), of an input so wide -> faces in pixels of the picture, the
// largest first.
function facesFrom(outputs, wide, scale) {
  const unit = (x) => Math.min(1, Math.max(0, x));
  const found = [];
  for (const stride of FINDER.strides) {
    const columns = wide / stride;
    const [cls, obj, box] = ["cls", "obj", "bbox"].map((name) => outputs[`${name}_${stride}`]);
    for (let i = 0; i < cls.length; i++) {
      const score = Math.sqrt(unit(cls[i]) * unit(obj[i]));
      if (score < FINDER.leastScore) continue;
      const width = Math.exp(box[4 * i + 2]) * stride;
      const height = Math.exp(box[4 * i + 3]) * stride;
      const left = ((i % columns) + box[4 * i]) * stride - width / 2;
      const top = (Math.floor(i / columns) + box[4 * i + 1]) * stride - height / 2;
      found.push({ left, top, width, height, score });
    }
  }
  return better(found)
    .map((face) => ({
      left: face.left / scale,
      top: face.top / scale,
      width: face.width / scale,
      height: face.height / scale,
      score: face.score,
    }))
    .sort((a, b) => Math.max(b.width, b.height) - Math.max(a.width, a.height));
}

// Of boxes that overlap, the one with the best score.
function better(boxes) {
  const kept = [];
  for (const box of [...boxes].sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlap(box, other) <= FINDER.overlap)) kept.push(box);
  }
  return kept;
}

// Intersection over union, of boxes of whole pixels, as OpenCV compares them.
function overlap(one, other) {
  const [a, b] = [one, other].map((box) => ({
    left: Math.trunc(box.left),
    top: Math.trunc(box.top),
    width: Math.trunc(box.width),
    height: Math.trunc(box.height),
  }));
  const across = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const down = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  if (across <= 0 || down <= 0) return 0;
  return (across * down) / (a.width * a.height + b.width * b.height - across * down);
}
