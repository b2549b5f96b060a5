type Task = () => Promise<void> | void;

const tasks: Task[] = [];

/** Runs at the end of the whole test run, last registered first: for servers that are started once. */
export function atEndOfRun(task: Task): void {
  tasks.push(task);
}

export async function runEndTasks(): Promise<void> {
  for (const task of tasks.reverse()) await task();
  tasks.length = 0;
}
