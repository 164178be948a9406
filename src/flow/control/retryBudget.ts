export interface RetryBudget {
  called(): void;
  tryRetry(): boolean;
}
