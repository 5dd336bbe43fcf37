"""What sagelens needs on AWS, as a CDK app. `permissions` and `settings` import no CDK, so the core's tests can read them."""
