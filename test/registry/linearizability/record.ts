import type { Random } from '../../support/random';
import type { Operation } from './linearize';

export interface Load<Input, Output> {
  clients: number;
  /** Each client waits for an answer before it goes on. */
  operationsEach: number;
  /** What is asked for; decided by the seed before anything runs. */
  choose: (random: Random) => Input;
  perform: (client: number, input: Input) => Promise<Output>;
}

/** Lets several clients work at once, and writes down what each was told and when. */
export async function record<Input, Output>(
  random: Random,
  { clients, operationsEach, choose, perform }: Load<Input, Output>,
): Promise<Operation<Input, Output>[]> {
  const history: Operation<Input, Output>[] = [];
  const plans = Array.from({ length: clients }, () =>
    Array.from({ length: operationsEach }, () => choose(random)),
  );
  await Promise.all(
    plans.map(async (plan, client) => {
      for (const input of plan) {
        const calledAtMs = performance.now();
        const output = await perform(client, input);
        history.push({ client, input, output, calledAtMs, answeredAtMs: performance.now() });
      }
    }),
  );
  return history;
}
