"""Programs that try audits and certificates out: thousands of simulated ones, on made and on real deliveries."""
