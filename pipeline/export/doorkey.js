// A DoorKey world, step by step as the compiled engine has it (pipeline/tasks/doorkey/engine.py): a test compares both.
// Cells are numbered x * 10 + y. Kinds on a map are MiniGrid's objects; OTHER_KEY and OPEN_DOOR are the engine's own.
"use strict";

const UNSEEN = 0, EMPTY = 1, WALL = 2, DOOR = 4, KEY = 5, OTHER_KEY = 6, OPEN_DOOR = 7, LAVA = 9;
const RED = 0, GREY = 5, NO_AGENT = 4, LOCKED = 2;
const STEP = [10, 1, -10, -1];  // right, down, left, up
const ACTIONS = ["left", "right", "forward", "pickup", "drop", "toggle", "done"];
const COLOURS = ["red", "green", "blue", "purple", "yellow", "grey"];

class World {
  // layout: a layout code of the engine, which says all but the door's colour; task: {name, horizon, naming, colour}
  constructor(task, layout) {
    this.task = task;
    const take = (base) => { const rest = layout % base; layout = (layout - rest) / base; return rest; };
    const start = take(400), other = take(101) - 1, key = take(100), second = take(101) - 1, first = take(100);
    const height = take(11), width = take(11);
    this.cells = new Array(100).fill(EMPTY);
    for (let x = 0; x < width; x++) this.cells[x * 10] = this.cells[x * 10 + height - 1] = WALL;
    for (let y = 0; y < height; y++) this.cells[y] = this.cells[(width - 1) * 10 + y] = WALL;
    this.cells[first] = DOOR;
    if (second >= 0) this.cells[second] = DOOR;
    this.cells[key] = KEY;
    if (other >= 0) this.cells[other] = task.naming === "coloured" ? OTHER_KEY : LAVA;
    this.agent = (start - start % 4) / 4;
    this.direction = start % 4;
    this.held = 0;
    this.steps = 0;
    this.reward = 0;
    this.end = null;  // success, death or timeout
    this.map = Array.from({length: 100}, () => [UNSEEN, 0, 0, NO_AGENT]);
    this.look();
    this.showAgent();
  }

  show(cell) {
    const kind = this.cells[cell], colour = this.task.colour;
    const shown = {
      [WALL]: [WALL, GREY, 0], [DOOR]: [DOOR, colour, LOCKED], [OPEN_DOOR]: [DOOR, colour, 0], [KEY]: [KEY, colour, 0],
      [OTHER_KEY]: [KEY, RED, 0],
    }[kind] || [kind, 0, 0];
    for (let k = 0; k < 3; k++) this.map[cell][k] = shown[k];
  }

  showAgent() {
    const seen = this.map[this.agent];
    seen[0] = this.held ? KEY : EMPTY;
    seen[1] = this.held === 1 ? this.task.colour : RED;
    if (!this.held) seen[1] = 0;
    seen[3] = this.direction;
  }

  notice(cell) {
    if (this.map[cell][0] === UNSEEN) this.show(cell);
  }

  transparent(cell) {
    return this.cells[cell] !== WALL && this.cells[cell] !== DOOR;
  }

  look() {
    const ahead = STEP[this.direction], aside = this.direction % 2 === 0 ? 1 : 10;
    const near = this.agent + ahead, far = near + ahead;
    for (const offset of [-aside, 0, aside]) {
      this.notice(this.agent + offset);
      this.notice(near + offset);
    }
    const x = Math.floor(near / 10), y = near % 10;
    if (x < 1 || x > 8 || y < 1 || y > 8) return;  // nothing lies behind the border
    const before = this.transparent(near - aside), middle = this.transparent(near), after = this.transparent(near + aside);
    if (before || middle) this.notice(far - aside);
    if (before || middle || after) this.notice(far);
    if (middle || after) this.notice(far + aside);
  }

  step(action) {
    const here = this.agent, front = here + STEP[this.direction], kind = this.cells[front];
    if (action === 0) this.direction = (this.direction + 3) % 4;
    else if (action === 1) this.direction = (this.direction + 1) % 4;
    else if (action === 2 && (kind === EMPTY || kind === LAVA)) {
      this.agent = front;
      this.show(here);
      this.map[here][3] = NO_AGENT;
      if (kind === LAVA) this.end = "death";
    } else if (action === 3 && !this.held && (kind === KEY || kind === OTHER_KEY)) {
      this.held = kind === KEY ? 1 : 2;
      this.cells[front] = EMPTY;
      this.show(front);
    } else if (action === 4 && this.held && kind === EMPTY) {
      this.cells[front] = this.held === 1 ? KEY : OTHER_KEY;
      this.held = 0;
      this.show(front);
      this.show(here);
    } else if (action === 5 && kind === DOOR && this.held === 1) {
      this.cells[front] = OPEN_DOOR;
      this.show(front);
      this.end = "success";
    }
    this.steps++;
    if (this.end === "success") this.reward = 1 - 0.9 * this.steps / this.task.horizon;
    if (!this.end && this.steps >= this.task.horizon) this.end = "timeout";
    this.look();
    this.showAgent();
  }

  // The sentence that the teacher was asked about: what is seen and held, colours as roles.
  sentence() {
    let sees = [], holds = null, doors = 0;
    this.map.forEach(([kind, colour, , agent], cell) => {
      if (kind !== KEY && kind !== DOOR) return;
      let name = kind === KEY ? "key" : "door";
      if (this.task.naming === "coloured") name = COLOURS[colour] + " " + name;
      else if (this.task.naming === "numbered" && kind === DOOR) name += ++doors;
      if (cell === this.agent) holds = name; else sees.push(name);
    });
    if (this.task.naming === "coloured") [sees, holds] = withRoles(sees, holds);
    const seen = sees.sort().map((thing) => "a " + thing).join(", ") || "nothing";
    return `The agent observes ${seen}, and holds ${holds ? "a " + holds : "nothing"}.`;
  }
}

// Of all ways to number the colours that occur, the one whose sorted objects come first.
function withRoles(sees, holds) {
  const present = [...new Set([...sees, ...(holds ? [holds] : [])].map((thing) => thing.split(" ")[0]))].sort();
  let best = null;
  for (const order of permutations(present)) {
    const rename = (thing) => {
      const [colour, kind] = thing.split(" ");
      return `color${order.indexOf(colour) + 1} ${kind}`;
    };
    const candidate = [sees.map(rename).sort(), holds && rename(holds)];
    const key = [...candidate[0], "", candidate[1] || ""].join("\n");
    if (best === null || key < best.key) best = {key, candidate};
  }
  return best.candidate;
}

function permutations(items) {
  if (items.length < 2) return [items];
  return items.flatMap((item, k) => permutations(items.filter((_, j) => j !== k)).map((rest) => [item, ...rest]));
}
