// The egocentric network (pipeline/student/networks/egocentric.py) on one remembered map: action probabilities.
"use strict";

const REACH = 5, SIDE = 11, KINDS = 5, WIDTH = 32, HIDDEN = 64;
const AHEAD = [[1, 0], [0, 1], [-1, 0], [0, -1]];

class Student {
  // weights: base64 of little-endian float32: embedding [605, 32], its bias, hidden [64, 32], its bias, heads [8, 64],
  // their bias; kinds: which kind of cell each [object][colour] is, 0 for nothing
  constructor(weights, kinds) {
    const bytes = decode(weights);
    const all = new Float32Array(bytes.buffer);
    let at = 0;
    const take = (count) => all.subarray(at, at += count);
    this.embedding = take(SIDE * SIDE * KINDS * WIDTH);
    this.embeddingBias = take(WIDTH);
    this.hidden = take(HIDDEN * WIDTH);
    this.hiddenBias = take(HIDDEN);
    this.heads = take(8 * HIDDEN);
    this.headsBias = take(8);
    this.kinds = kinds;
  }

  probabilities(world) {
    const agentX = Math.floor(world.agent / 10), agentY = world.agent % 10;
    const [aheadX, aheadY] = AHEAD[world.direction];
    const embedded = Float32Array.from(this.embeddingBias);
    for (let cell = 0; cell < 100; cell++) {
      const kind = this.kinds[world.map[cell][0]][world.map[cell][1]];
      if (!kind) continue;
      const dx = Math.floor(cell / 10) - agentX, dy = cell % 10 - agentY;
      const forward = dx * aheadX + dy * aheadY, aside = dy * aheadX - dx * aheadY;
      if (Math.abs(forward) > REACH || Math.abs(aside) > REACH) continue;
      const token = ((forward + REACH) * SIDE + aside + REACH) * KINDS + kind - 1;
      for (let j = 0; j < WIDTH; j++) embedded[j] += this.embedding[token * WIDTH + j];
    }
    const hidden = layer(this.hidden, this.hiddenBias, embedded.map(rectified)).map(rectified);
    return softmax(layer(this.heads, this.headsBias, hidden).subarray(0, 7));  // the eighth is the value
  }
}

const rectified = (value) => Math.max(value, 0);

function layer(weights, bias, input) {
  const output = new Float32Array(bias.length);
  for (let k = 0; k < bias.length; k++) {
    let sum = bias[k];
    for (let j = 0; j < input.length; j++) sum += weights[k * input.length + j] * input[j];
    output[k] = sum;
  }
  return output;
}

function softmax(logits) {
  const top = Math.max(...logits);
  const raised = Array.from(logits, (value) => Math.exp(value - top));
  const total = raised.reduce((sum, value) => sum + value, 0);
  return raised.map((value) => value / total);
}

// The action at which the cumulated probabilities pass a uniform number; the most probable one without it.
function choose(probabilities, uniform) {
  if (uniform === null) return probabilities.indexOf(Math.max(...probabilities));
  let cumulated = 0;
  for (let action = 0; action < probabilities.length - 1; action++) {
    cumulated += probabilities[action];
    if (cumulated > uniform) return action;
  }
  return probabilities.length - 1;
}

// Numbers from [0, 1) in steps of 2 ** -24 that follow from a seed (mulberry32).
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6D2B79F5 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 8) / 2 ** 24;
  };
}

function decode(text) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const value = new Uint8Array(128);
  for (let k = 0; k < 64; k++) value[letters.charCodeAt(k)] = k;
  const clean = text.replace(/=+$/, ""), bytes = new Uint8Array(Math.floor(clean.length * 3 / 4));
  for (let k = 0, at = 0; k < clean.length; k += 4) {
    const part = [0, 1, 2, 3].map((j) => k + j < clean.length ? value[clean.charCodeAt(k + j)] : 0);
    const word = part[0] << 18 | part[1] << 12 | part[2] << 6 | part[3];
    for (const shift of [16, 8, 0]) if (at < bytes.length) bytes[at++] = word >> shift & 255;
  }
  return bytes;
}

// One episode by numbers, for those who compare: actions, agent's cells and directions, the end.
function episode(data, student, number, sampled) {
  const world = new World(data.task, data.layouts[number]), uniform = generator(number);
  const steps = [];
  while (!world.end) {
    const sentence = world.sentence(), probabilities = student.probabilities(world);
    const action = choose(probabilities, sampled ? uniform() : null);
    world.step(action);
    steps.push({sentence, probabilities, action, agent: world.agent, direction: world.direction});
  }
  return {steps, end: world.end, reward: world.reward};
}
