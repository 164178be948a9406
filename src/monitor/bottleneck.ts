/** Which stage limits a pipeline, and why: from a snapshot alone. */
import type { Snapshot, StageSnapshot } from './snapshot.js';

/** What limits a pipeline. */
export interface Bottleneck {
  /**
   * `stage`: the stage does all it can, and those before it wait for it. `source`: the source brings no more. `consumer`: what comes after the
   * last stage takes no more. `event-loop`: the process computes. `nothing`: nothing was there to be looked at.
   */
  readonly kind: 'stage' | 'source' | 'consumer' | 'event-loop' | 'nothing';
  /** The stage that is the limit; with `source` the first of the pipeline, with `consumer` the last. */
  readonly stage: string | undefined;
  /** The part of the time in which it was the limit, from 0 to 1. */
  readonly share: number;
  /** All that in one sentence, with what to do. */
  readonly sentence: string;
}

/**
 * What limits the pipelines of `snapshot` most: what it was up to for the largest part of the time that no more went through. The limit has no
 * pause: it always has another value to work on. A stage before it is blocked now and then, one after it has nothing waiting; the source
 * is the limit when the first stage has nothing waiting, the consumer when nobody asks the last one.
 *
 * @param of a stage: only its pipeline is looked at
 */
export function bottleneckOf(snapshot: Snapshot, of?: string): Bottleneck {
  const stages = (of === undefined ? snapshot.stages : pipelineOf(snapshot.stages, of)).filter(({ active }) => active);
  if (snapshot.loopBlocked > BLOCKED_LOOP) return eventLoop(snapshot.loopBlocked);
  const candidates = stages.flatMap((stage) => candidatesOf(stage, stages));
  const most = candidates.reduce<Candidate | undefined>(
    (a, b) => (a === undefined || b.share > a.share ? b : a),
    undefined,
  );
  if (most === undefined || most.share === 0) return NOTHING;
  const { kind, stage, share } = most;
  return { kind, stage: stage.stage, share, sentence: sentenceOf(most, stages) };
}

/** Milliseconds of a second above which there is no telling what else there is. */
const BLOCKED_LOOP = 700;
const NOTHING: Bottleneck = {
  kind: 'nothing',
  stage: undefined,
  share: 0,
  sentence: 'nothing limits: no stage has been at work',
};

interface Candidate {
  readonly kind: 'stage' | 'source' | 'consumer';
  readonly stage: StageSnapshot;
  readonly share: number;
}

function candidatesOf(stage: StageSnapshot, stages: readonly StageSnapshot[]): Candidate[] {
  const candidates: Candidate[] = [{ kind: 'stage', stage, share: stage.limits.itself / 1_000 }];
  if (feedersOf(stage, stages).length === 0) {
    candidates.push({ kind: 'source', stage, share: stage.limits.before / 1_000 });
  }
  if (stage.feeds === undefined) candidates.push({ kind: 'consumer', stage, share: stage.limits.after / 1_000 });
  return candidates;
}

function feedersOf({ stage }: StageSnapshot, stages: readonly StageSnapshot[]): StageSnapshot[] {
  return stages.filter(({ feeds }) => feeds === stage);
}

/** The stages that are connected to the one named. */
function pipelineOf(stages: readonly StageSnapshot[], name: string): StageSnapshot[] {
  const names = new Set([name]);
  for (let before = 0; before < names.size;) {
    before = names.size;
    for (const { stage, feeds } of stages) {
      if (names.has(stage) && feeds !== undefined) names.add(feeds);
      if (feeds !== undefined && names.has(feeds)) names.add(stage);
    }
  }
  return stages.filter(({ stage }) => names.has(stage));
}

function eventLoop(blocked: number): Bottleneck {
  const share = blocked / 1_000;
  return {
    kind: 'event-loop',
    stage: undefined,
    share,
    sentence: `the event loop limits: it was held up ${percent(share)} of the time; move what computes into threads`,
  };
}

function sentenceOf({ kind, stage, share }: Candidate, stages: readonly StageSnapshot[]): string {
  const name = `\`${stage.stage}\``;
  if (kind === 'source') return `the source limits: ${name} could have taken more ${percent(share)} of the time`;
  if (kind === 'consumer') {
    return `what comes after ${name} limits: ${name} was asked for nothing ${percent(share)} of the time; make that faster, or shed before it`;
  }
  const blocked = feedersOf(stage, stages).reduce<StageSnapshot | undefined>(
    (a, b) => (a === undefined || b.perSecond.blocked > a.perSecond.blocked ? b : a),
    undefined,
  );
  const before =
    blocked === undefined ? '' : `, \`${blocked.stage}\` blocked ${percent(blocked.perSecond.blocked / 1_000)}`;
  return `${name} limits: ${reasonOf(stage, share)}${before}${adviceFor(stage)}`;
}

function reasonOf({ pool, waitsFor }: StageSnapshot, share: number): string {
  if (pool === undefined) return `it waited for ${waitsFor ?? 'itself'} ${percent(share)} of the time`;
  const { utilisation, concurrency } = pool;
  const busy = Math.round(utilisation * concurrency);
  if (waitsFor === undefined || waitsFor === WORKERS) return `${busy} of ${concurrency} workers busy ${percent(share)}`;
  return `it waited for ${waitsFor} ${percent(share)} of the time, ${busy} of ${concurrency} workers busy`;
}

function adviceFor({ pool, waitsFor }: StageSnapshot): string {
  if (waitsFor === 'tokens') return '; raise its rate or shed before it';
  if (pool === undefined) return ''; // what it waits for says it
  if (waitsFor === WORKERS) return '; raise its concurrency or shed before it';
  return '; more workers do not help: take other keys, raise its window, or make calls shorter';
}

const WORKERS = 'its workers';

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
