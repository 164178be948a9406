export interface Backoff {
  delay(attempt: number, previous: number, random: () => number): number;
}
