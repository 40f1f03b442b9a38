/**
 * Maximum matching between idle CPUs and waiting tasks that are bound to sets of CPUs, kept up to date while both change.
 *
 *   classes (so many tasks of one set wait in one group)      cells (so many CPUs are idle)
 *        ┌─────────┐   edge: flow tasks of the class            ┌──────────┐
 *        │ supply 3│──── are matched to CPUs of the cell ─────── │capacity 2│
 *        │ served 2│─────────────────────────────────────────── │used 2    │
 *        └─────────┘                                            └──────────┘
 *
 * Tasks of one class and CPUs of one cell are alike, so the matching is a flow of integers. After a change of one task or
 * CPU it is maximum again after at most one augmenting path, which has to begin at what changed: the flow that a vanished
 * task or CPU had is taken back first, and what that sets free is then offered once. @spec 23 §5.2
 */
export class ClassMatching {
    /** Per class: tasks that wait, tasks that are matched, edges. */
    #supply = [];
    #served = [];
    #classEdges = [];
    /** Per cell: idle CPUs, matched CPUs, edges. */
    #capacity = [];
    #used = [];
    #cellEdges = [];
    /** Per edge. */
    #edgeClass = [];
    #edgeCell = [];
    #flow = [];
    /** Of a search: how a class or a cell was reached (an edge), and in which search. */
    #classVia = [];
    #classSeen = [];
    #cellVia = [];
    #cellSeen = [];
    #queue = [];
    #search = 0;
    addCell() {
        this.#capacity.push(0);
        this.#used.push(0);
        this.#cellEdges.push([]);
        this.#cellVia.push(-1);
        return this.#cellSeen.push(0) - 1;
    }
    addClass(cells) {
        const c = this.#supply.push(0) - 1;
        this.#served.push(0);
        this.#classVia.push(-1);
        this.#classSeen.push(0);
        this.#classEdges.push(cells.map((cell) => {
            const edge = this.#flow.push(0) - 1;
            this.#edgeClass.push(c);
            this.#edgeCell.push(cell);
            this.#cellEdges[cell].push(edge);
            return edge;
        }));
        return c;
    }
    supply(c) {
        return this.#supply[c];
    }
    /** One more task waits. These four return by how much the size of the matching changed. */
    addTask(c) {
        this.#supply[c]++;
        return this.#matchTask(c) ? 1 : 0;
    }
    /** One task less waits. */
    removeTask(c) {
        this.#supply[c]--;
        if (this.#served[c] <= this.#supply[c])
            return 0;
        const edge = this.#classEdges[c].find((e) => this.#flow[e] > 0);
        this.#takeBack(edge);
        return this.#matchCpu(this.#edgeCell[edge]) ? 0 : -1;
    }
    /** One more CPU of the cell is idle. */
    addCpu(cell) {
        this.#capacity[cell]++;
        return this.#matchCpu(cell) ? 1 : 0;
    }
    /** One CPU of the cell less is idle. */
    removeCpu(cell) {
        this.#capacity[cell]--;
        if (this.#used[cell] <= this.#capacity[cell])
            return 0;
        const edge = this.#cellEdges[cell].find((e) => this.#flow[e] > 0);
        this.#takeBack(edge);
        return this.#matchTask(this.#edgeClass[edge]) ? 0 : -1;
    }
    #takeBack(edge) {
        this.#flow[edge]--;
        this.#used[this.#edgeCell[edge]]--;
        this.#served[this.#edgeClass[edge]]--;
    }
    /** Finds a CPU for a task of the class that has none, moving others if need be: breadth first, from classes to cells. */
    #matchTask(from) {
        const search = ++this.#search;
        const queue = this.#queue;
        queue.length = 0;
        queue.push(from);
        this.#classSeen[from] = search;
        for (let head = 0; head < queue.length; head++) {
            for (const edge of this.#classEdges[queue[head]]) {
                const cell = this.#edgeCell[edge];
                if (this.#cellSeen[cell] === search)
                    continue;
                this.#cellSeen[cell] = search;
                this.#cellVia[cell] = edge;
                if (this.#used[cell] < this.#capacity[cell]) {
                    this.#used[cell]++;
                    this.#served[from]++;
                    this.#shiftFrom(from, cell);
                    return true;
                }
                for (const back of this.#cellEdges[cell]) {
                    const c = this.#edgeClass[back];
                    if (this.#flow[back] === 0 || this.#classSeen[c] === search)
                        continue;
                    this.#classSeen[c] = search;
                    this.#classVia[c] = back;
                    queue.push(c);
                }
            }
        }
        return false;
    }
    /** Along the path found: each class takes the cell it reached and leaves the cell it was reached from. */
    #shiftFrom(from, last) {
        for (let cell = last;;) {
            const edge = this.#cellVia[cell];
            this.#flow[edge]++;
            const c = this.#edgeClass[edge];
            if (c === from)
                return;
            const back = this.#classVia[c];
            this.#flow[back]--;
            cell = this.#edgeCell[back];
        }
    }
    /** Finds a task for a CPU of the cell that has none, moving others if need be: breadth first, from cells to classes. */
    #matchCpu(to) {
        if (this.#used[to] >= this.#capacity[to])
            return false;
        const search = ++this.#search;
        const queue = this.#queue;
        queue.length = 0;
        queue.push(to);
        this.#cellSeen[to] = search;
        for (let head = 0; head < queue.length; head++) {
            for (const edge of this.#cellEdges[queue[head]]) {
                const c = this.#edgeClass[edge];
                if (this.#classSeen[c] === search)
                    continue;
                this.#classSeen[c] = search;
                this.#classVia[c] = edge;
                if (this.#served[c] < this.#supply[c]) {
                    this.#served[c]++;
                    this.#used[to]++;
                    this.#shiftTo(c, to);
                    return true;
                }
                for (const other of this.#classEdges[c]) {
                    const cell = this.#edgeCell[other];
                    if (this.#flow[other] === 0 || this.#cellSeen[cell] === search)
                        continue;
                    this.#cellSeen[cell] = search;
                    this.#cellVia[cell] = other;
                    queue.push(cell);
                }
            }
        }
        return false;
    }
    /** Along the path found: each class takes the cell it was reached from, and what it leaves goes to the next. */
    #shiftTo(first, to) {
        for (let c = first;;) {
            const edge = this.#classVia[c];
            this.#flow[edge]++;
            const cell = this.#edgeCell[edge];
            if (cell === to)
                return;
            const other = this.#cellVia[cell];
            this.#flow[other]--;
            c = this.#edgeClass[other];
        }
    }
}
