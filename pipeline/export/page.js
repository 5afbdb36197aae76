// The page: a student's world and your own beside it, what the student remembers, its probabilities, its teacher's plans.
"use strict";

const student = new Student(DATA.weights, DATA.kinds);
const $ = (id) => document.getElementById(id);
const KEYS = {ArrowLeft: 0, ArrowRight: 1, ArrowUp: 2, p: 3, d: 4, " ": 5};
let number = 0, theirs, yours, uniform, timer = null;

function restart(next) {
  number = (next + DATA.layouts.length) % DATA.layouts.length;
  theirs = new World(DATA.task, DATA.layouts[number]);
  yours = new World(DATA.task, DATA.layouts[number]);
  uniform = generator(number);
  draw();
}

function advance() {
  if (theirs.end) {
    if (timer !== null) restart(number + 1);
    return;
  }
  theirs.step(choose(student.probabilities(theirs), $("greedy").checked ? null : uniform()));
  draw();
}

function run() {
  clearInterval(timer);
  timer = timer === null || this === $("speed") ? setInterval(advance, 1000 / $("speed").value) : null;
  $("run").textContent = timer === null ? "Run" : "Pause";
}

function draw() {
  $("number").textContent = `Layout ${number + 1} of ${DATA.layouts.length}, none of which was trained on`;
  paint($("world"), theirs, (cell) => [shownOf(theirs, cell), theirs.map[cell][0] === UNSEEN]);
  paint($("memory"), theirs, (cell) => [theirs.map[cell], theirs.map[cell][0] === UNSEEN]);
  paint($("yours"), yours, (cell) => [yours.map[cell], yours.map[cell][0] === UNSEEN]);
  $("state").textContent = outcome(theirs);
  $("your-state").textContent = outcome(yours);
  bars($("actions"), student.probabilities(theirs).map((p, k) => [ACTIONS[k], p]));
  $("sentence").textContent = theirs.sentence();
  const label = DATA.labels[theirs.sentence()];
  bars($("plans"), label ? label.map(([plan, p]) => [plan, p]) : []);
  $("unlabelled").hidden = Boolean(label);
}

function outcome(world) {
  const held = world.held ? ", holds a key" : "";
  const end = {success: `opened the door (return ${world.reward.toFixed(2)})`, death: "died in lava", timeout: "out of time"};
  return `${world.steps} of ${world.task.horizon} steps${held}${world.end ? ": " + end[world.end] : ""}`;
}

// What is where, whether it was seen or not.
function shownOf(world, cell) {
  const kind = world.cells[cell];
  if (kind === OTHER_KEY) return [KEY, RED];
  return [kind === OPEN_DOOR ? DOOR : kind, kind === WALL ? GREY : world.task.colour, kind === DOOR ? LOCKED : 0];
}

const HUES = ["#d63b3b", "#3a9a4b", "#3467d6", "#8a4fc4", "#c9a227", "#8b8f98"];

function paint(canvas, world, at) {
  const context = canvas.getContext("2d"), size = canvas.width / 10, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let cell = 0; cell < 100; cell++) {
    const [[kind, colour, state], unseen] = at(cell), x = Math.floor(cell / 10) * size, y = cell % 10 * size;
    context.globalAlpha = unseen ? 0.35 : 1;
    context.fillStyle = kind === WALL ? HUES[GREY] : kind === LAVA ? "#e8762b" : kind === UNSEEN ? "#888" : dark ? "#2a2d33" : "#f2f2ee";
    context.fillRect(x, y, size - 1, size - 1);
    context.fillStyle = HUES[colour];
    if (kind === DOOR && state === LOCKED) context.fillRect(x, y, size - 1, size - 1);
    if (kind === DOOR && state !== LOCKED) context.fillRect(x, y, size / 5, size - 1);
    if (kind === KEY && cell !== world.agent) {
      context.beginPath();
      context.arc(x + size * 0.35, y + size * 0.5, size * 0.17, 0, 7);
      context.fill();
      context.fillRect(x + size * 0.45, y + size * 0.45, size * 0.4, size * 0.1);
    }
  }
  context.globalAlpha = 1;
  const x = (Math.floor(world.agent / 10) + 0.5) * size, y = (world.agent % 10 + 0.5) * size;
  context.save();
  context.translate(x, y);
  context.rotate(world.direction * Math.PI / 2);
  context.fillStyle = world.held ? HUES[world.held === 1 ? world.task.colour : RED] : dark ? "#fff" : "#111";
  context.beginPath();
  context.moveTo(size * 0.35, 0);
  context.lineTo(-size * 0.3, size * 0.28);
  context.lineTo(-size * 0.3, -size * 0.28);
  context.fill();
  context.restore();
}

function bars(list, entries) {
  list.replaceChildren(...entries.map(([name, share]) => {
    const row = document.createElement("li"), bar = document.createElement("span"), text = document.createElement("span");
    bar.className = "bar";
    bar.style.width = `${100 * share}%`;
    text.textContent = `${name} ${(100 * share).toFixed(1)}%`;
    row.append(bar, text);
    return row;
  }));
}

$("step").onclick = advance;
$("run").onclick = run;
$("speed").oninput = function () { if (timer !== null) run.call(this); };
$("next").onclick = () => restart(number + 1);
$("again").onclick = () => restart(number);
addEventListener("keydown", (event) => {
  if (!(event.key in KEYS) || event.target.tagName === "INPUT") return;
  event.preventDefault();
  if (!yours.end) yours.step(KEYS[event.key]);
  draw();
});
const asked = /^#record=(\d+),(\w+)$/.exec(location.hash);
if (asked) {  // for tests: episodes as JSON in place of the page
  const episodes = Array.from({length: Number(asked[1])}, (_, k) => episode(DATA, student, k, asked[2] === "sampled"));
  document.body.textContent = JSON.stringify(episodes);
} else restart(0);
