"""Who may do what, as plain data, and the proof that it is neither too little nor too much. Imports no CDK."""
