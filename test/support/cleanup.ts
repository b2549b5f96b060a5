type Task = () => Promise<void> | void;

const tasks: Task[] = [];

/** Runs at the end of the whole test run, last registered first: for servers that are started once. */
export function atEndOfRun(task: Task): void {
  tasks.push(task);
}

export async function runEndTasks(): Promise<void> {
  const failures: unknown[] = [];
  for (const task of tasks.reverse()) {
    try {
      await task();
    } catch (error) {
      // The others must still stop what they started, or the run would never end.
      failures.push(error);
    }
  }
  tasks.length = 0;
  if (failures.length > 0) throw failures[0];
}
