/** Which stage limits a pipeline, and why: from a snapshot alone. */
import type { Snapshot, StageSnapshot } from './snapshot.js';

/** What limits a pipeline. */
export interface Bottleneck {
  /**
   * `stage`: the stage does all it can, and those before it wait for it. `source`: the source brings no more. `consumer`: what comes after the
   * last stage takes no more. `event-loop`: the process computes. `nothing`: no stage is at work, or none has been for long enough to tell.
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
  const { stages: all, loopBusy } = snapshot;
  if (of !== undefined && !all.some(({ stage }) => stage === of)) return nothing(`there is no stage \`${of}\``);
  if (loopBusy > BUSY_LOOP) return eventLoop(loopBusy);
  const stages = (of === undefined ? all : pipelineOf(all, of)).filter(({ active }) => active);
  if (stages.length === 0) return nothing('no stage is at work');
  const [most] = stages.flatMap((stage) => candidatesOf(stage, stages)).sort((a, b) => b.share - a.share);
  if (most === undefined || most.share === 0) return nothing('it is too early to tell');
  const { kind, stage, share } = most;
  return { kind, stage: stage.stage, share, sentence: sentenceOf(most, stages) };
}

/** Milliseconds of a second above which there is no telling what else there is. */
const BUSY_LOOP = 800;

function nothing(why: string): Bottleneck {
  return { kind: 'nothing', stage: undefined, share: 0, sentence: `nothing limits: ${why}` };
}

interface Candidate {
  readonly kind: 'stage' | 'source' | 'consumer';
  readonly stage: StageSnapshot;
  readonly share: number;
}

function candidatesOf(stage: StageSnapshot, stages: readonly StageSnapshot[]): Candidate[] {
  const candidates: Candidate[] = [{ kind: 'stage', stage, share: stage.limits.itself / 1_000 }];
  if (stage.fedBy === undefined && feedersOf(stage, stages).length === 0) {
    candidates.push({ kind: 'source', stage, share: stage.limits.before / 1_000 });
  }
  // What a queue fed last may have ended.
  if (!stages.some((after) => after.stage === stage.feeds)) {
    candidates.push({ kind: 'consumer', stage, share: stage.limits.after / 1_000 });
  }
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
    for (const { stage, feeds, fedBy } of stages) {
      const connected = [stage, feeds, fedBy].filter((one) => one !== undefined);
      if (connected.some((one) => names.has(one))) for (const one of connected) names.add(one);
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
    sentence: `the event loop limits: it was busy ${percent(share)} of the time; move what computes into threads`,
  };
}

function sentenceOf({ kind, stage, share }: Candidate, stages: readonly StageSnapshot[]): string {
  const name = `\`${stage.stage}\``;
  if (kind === 'source' && stage.waitsFor === MESSAGES) {
    return `the source limits: ${name} waited for messages ${percent(share)} of the time`;
  }
  if (kind === 'source') return `the source limits: ${name} could have taken more ${percent(share)} of the time`;
  if (kind === 'consumer') {
    return `what comes after ${name} limits: ${name} was asked for nothing ${percent(share)} of the time; make that faster, or shed before it`;
  }
  return `${name} limits: ${reasonOf(stage, share)}${feederOf(stage, stages)}${adviceFor(stage)}`;
}

/** That of those before it which waits for it most. */
function feederOf(stage: StageSnapshot, stages: readonly StageSnapshot[]): string {
  const [most] = feedersOf(stage, stages).sort((a, b) => b.perSecond.blocked - a.perSecond.blocked);
  if (most === undefined || most.perSecond.blocked < 5) return '';
  return `, \`${most.stage}\` blocked ${percent(most.perSecond.blocked / 1_000)}`;
}

function reasonOf({ pool, waitsFor }: StageSnapshot, share: number): string {
  const what = waitsFor === undefined ? 'was busy' : `waited for ${waitsFor}`;
  if (pool === undefined) return `it ${what} ${percent(share)} of the time`;
  const { utilisation, concurrency } = pool;
  const busy = `${Math.round(utilisation * concurrency)} of ${concurrency} workers busy`;
  if (waitsFor === undefined || waitsFor === WORKERS) return `${busy} ${percent(share)}`;
  return `it ${what} ${percent(share)} of the time, ${busy}`;
}

/** Where it is left out, what the stage waits for says it. */
function adviceFor({ pool, waitsFor }: StageSnapshot): string {
  if (waitsFor === 'tokens') return '; raise its rate or shed before it';
  if (pool === undefined) return '';
  if (waitsFor === undefined || waitsFor === WORKERS) return '; raise its concurrency or shed before it';
  if (waitsFor === RETRIES) return '; its calls fail';
  if (waitsFor === RESUMING) return '';
  const other = waitsFor === KEYS ? 'take finer keys' : 'raise its window';
  return `; more workers do not help: ${other}, or make calls shorter`;
}

/** What a queue's deliveries wait for. */
const MESSAGES = 'messages';
/** What pools wait for. */
const WORKERS = 'its workers';
const KEYS = 'values of the same keys';
const RETRIES = 'calls that are to be tried again';
const RESUMING = 'its concurrency to rise above 0';

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
