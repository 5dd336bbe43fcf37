"""What makes sense only on AWS: requests shown before they are sent, their price, and executions followed from outside."""
