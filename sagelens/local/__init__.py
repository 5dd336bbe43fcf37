"""The local SageMaker: one background service that boto3, the SageMaker SDK and the AWS CLI work against unchanged."""
