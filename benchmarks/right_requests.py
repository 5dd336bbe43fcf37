"""One right request for each operation of the local service, in an order in which all of them succeed on a new one."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["EXECUTION", "NEEDS_A_MODEL", "RIGHT"]

NEEDS_A_MODEL = ("sagemaker.UpdateEndpoint", "sagemaker.UpdateEndpointWeightsAndCapacities")
"""Are refused here, since the endpoint has no model that would start."""

EXECUTION = "EXECUTION"
"""Stands for the ARN that StartPipelineExecution answers."""

_ARN = "arn:aws:sagemaker:us-east-1:000000000000"
_ROLE = "arn:aws:iam::000000000000:role/sagelens-local"
_IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/fuzz:1"
_TOKEN = "0123456789abcdef0123456789abcdef"
_ALARM = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:fuzz"
_TAGS = [{"Key": "team", "Value": "fuzz"}]
_WHEN = {"CreationTimeAfter": 1, "CreationTimeBefore": 4e9, "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 10}
_NAMED = {**_WHEN, "NameContains": "fuzz"}
_DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Limit", "Type": "Float", "DefaultValue": 0.5},
            {"Name": "Rounds", "Type": "Integer", "DefaultValue": 3, "EnumValues": [3, 4]},
            {"Name": "Word", "Type": "String", "DefaultValue": "a"},
        ],
        "Steps": [
            {
                "Name": "check",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [
                        {"Type": "GreaterThan", "LeftValue": {"Get": "Parameters.Limit"}, "RightValue": 1},
                        {"Type": "Not", "Condition": {"Type": "In", "QueryValue": {"Get": "Parameters.Word"}, "Values": ["b"]}},
                    ],
                    "IfSteps": [],
                    "ElseSteps": [
                        {
                            "Name": "stop",
                            "Type": "Fail",
                            "Arguments": {
                                "ErrorMessage": {"Std:Join": {"On": " ", "Values": ["no", {"Get": "Parameters.Word"}]}}
                            },
                        }
                    ],
                },
            }
        ],
    }
)
_CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
_METRIC = {"Namespace": "Fuzz", "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "v"}]}
_STAT = {"Metric": _METRIC, "Period": 60, "Stat": "p99.9", "Unit": "Count"}
_QUERIES = [
    {"Id": "a", "MetricStat": _STAT, "ReturnData": False},
    {"Id": "b", "Expression": "IF(FILL(a, 0) > 1, SUM(METRICS()), a * 2)", "Label": "both", "ReturnData": True},
]
_CONTAINERS = {"Containers": [{"Image": _IMAGE, "ModelDataUrl": "s3://fuzz-bucket/model.tar.gz", "Environment": {"A": "b"}}]}
_SPECIFICATION = {
    **_CONTAINERS,
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["application/json"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
}
_VARIANT = {
    "VariantName": "AllTraffic",
    "ModelName": "fuzz",
    "InitialInstanceCount": 1,
    "InstanceType": "ml.m5.large",
    "InitialVariantWeight": 1.0,
}

RIGHT: dict[str, dict[str, Any]] = {
    "sagemaker.CreateModelPackageGroup": {
        "ModelPackageGroupName": "fuzz",
        "ModelPackageGroupDescription": "for all kinds of requests",
        "Tags": _TAGS,
    },
    "sagemaker.DescribeModelPackageGroup": {"ModelPackageGroupName": "fuzz"},
    "sagemaker.ListModelPackageGroups": _NAMED,
    "sagemaker.CreateModelPackage": {
        "ModelPackageGroupName": "fuzz",
        "ModelPackageDescription": "a version",
        "InferenceSpecification": _SPECIFICATION,
        "ModelApprovalStatus": "Approved",
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://fuzz-bucket/m.json"}}},
        "CustomerMetadataProperties": {"a": "b"},
    },
    "sagemaker.DescribeModelPackage": {"ModelPackageName": f"{_ARN}:model-package/fuzz/1"},
    "sagemaker.UpdateModelPackage": {
        "ModelPackageArn": f"{_ARN}:model-package/fuzz/1",
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "looks good",
        "CustomerMetadataProperties": {"c": "d"},
        "CustomerMetadataPropertiesToRemove": ["a"],
    },
    "sagemaker.ListModelPackages": {**_WHEN, "ModelPackageGroupName": "fuzz", "ModelApprovalStatus": "Approved"},
    "sagemaker.CreateModel": {
        "ModelName": "fuzz",
        "ExecutionRoleArn": _ROLE,
        "PrimaryContainer": {"Image": _IMAGE, "ModelDataUrl": "s3://fuzz-bucket/model.tar.gz", "Environment": {"A": "b"}},
        "Tags": _TAGS,
    },
    "sagemaker.DescribeModel": {"ModelName": "fuzz"},
    "sagemaker.ListModels": _NAMED,
    "sagemaker.AddTags": {"ResourceArn": f"{_ARN}:model/fuzz", "Tags": _TAGS},
    "sagemaker.ListTags": {"ResourceArn": f"{_ARN}:model/fuzz", "MaxResults": 50},
    "sagemaker.DeleteTags": {"ResourceArn": f"{_ARN}:model/fuzz", "TagKeys": ["team"]},
    "sagemaker.CreateEndpointConfig": {
        "EndpointConfigName": "fuzz",
        "ProductionVariants": [_VARIANT],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 50,
            "DestinationS3Uri": "s3://fuzz-bucket/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
        "Tags": _TAGS,
    },
    "sagemaker.DescribeEndpointConfig": {"EndpointConfigName": "fuzz"},
    "sagemaker.ListEndpointConfigs": _NAMED,
    "sagemaker.CreateEndpoint": {"EndpointName": "fuzz", "EndpointConfigName": "fuzz", "Tags": _TAGS},
    "sagemaker.DescribeEndpoint": {"EndpointName": "fuzz"},
    "sagemaker.ListEndpoints": {**_NAMED, "StatusEquals": "Failed"},
    "sagemaker.UpdateEndpoint": {
        "EndpointName": "fuzz",
        "EndpointConfigName": "fuzz",
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 20},
                    "WaitIntervalInSeconds": 5,
                },
                "TerminationWaitInSeconds": 5,
                "MaximumExecutionTimeoutInSeconds": 900,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "fuzz"}]},
        },
    },
    "sagemaker.UpdateEndpointWeightsAndCapacities": {
        "EndpointName": "fuzz",
        "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredWeight": 1.0, "DesiredInstanceCount": 1}],
    },
    "sagemaker.CreatePipeline": {
        "PipelineName": "fuzz",
        "PipelineDefinition": _DEFINITION,
        "ClientRequestToken": _TOKEN,
        "RoleArn": _ROLE,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2},
    },
    "sagemaker.UpdatePipeline": {"PipelineName": "fuzz", "PipelineDefinition": _DEFINITION, "RoleArn": _ROLE},
    "sagemaker.DescribePipeline": {"PipelineName": "fuzz"},
    "sagemaker.ListPipelines": {"PipelineNamePrefix": "fuzz", "CreatedAfter": 1, "CreatedBefore": 4e9, "MaxResults": 10},
    "sagemaker.StartPipelineExecution": {
        "PipelineName": "fuzz",
        "PipelineExecutionDisplayName": "fuzz-1",
        "PipelineParameters": [{"Name": "Limit", "Value": "0.25"}, {"Name": "Rounds", "Value": "4"}],
        "ClientRequestToken": _TOKEN,
    },
    "sagemaker.ListPipelineExecutions": {"PipelineName": "fuzz", "SortBy": "CreationTime", "CreatedAfter": 1, "MaxResults": 10},
    "sagemaker.DescribePipelineExecution": {"PipelineExecutionArn": EXECUTION},
    "sagemaker.DescribePipelineDefinitionForExecution": {"PipelineExecutionArn": EXECUTION},
    "sagemaker.ListPipelineExecutionSteps": {"PipelineExecutionArn": EXECUTION, "SortOrder": "Ascending", "MaxResults": 10},
    "sagemaker.ListPipelineParametersForExecution": {"PipelineExecutionArn": EXECUTION, "MaxResults": 10},
    "sagemaker.CreateProcessingJob": {
        "ProcessingJobName": "fuzz",
        "ProcessingResources": {"ClusterConfig": _CLUSTER},
        "AppSpecification": {"ImageUri": _IMAGE, "ContainerEntrypoint": ["true"], "ContainerArguments": ["a"]},
        "Environment": {"A": "b"},
        "RoleArn": _ROLE,
        "ProcessingInputs": [
            {
                "InputName": "in",
                "S3Input": {
                    "S3Uri": "s3://fuzz-bucket/in",
                    "LocalPath": "/opt/ml/processing/input/in",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": "s3://fuzz-bucket/out",
                        "LocalPath": "/opt/ml/processing/output/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 5},
    },
    "sagemaker.DescribeProcessingJob": {"ProcessingJobName": "fuzz"},
    "sagemaker.ListProcessingJobs": _NAMED,
    "sagemaker.CreateTrainingJob": {
        "TrainingJobName": "fuzz",
        "AlgorithmSpecification": {
            "TrainingImage": _IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["true"],
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+)"}],
        },
        "HyperParameters": {"depth": "6"},
        "RoleArn": _ROLE,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://fuzz-bucket/in"}},
                "ContentType": "text/csv",
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://fuzz-bucket/models", "CompressionType": "NONE"},
        "ResourceConfig": _CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 5},
    },
    "sagemaker.DescribeTrainingJob": {"TrainingJobName": "fuzz"},
    "sagemaker.ListTrainingJobs": _NAMED,
    "sagemaker.CreateTransformJob": {
        "TransformJobName": "fuzz",
        "ModelName": "fuzz",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://fuzz-bucket/in"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "s3://fuzz-bucket/scored", "AssembleWith": "Line", "Accept": "text/csv"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 1,
    },
    "sagemaker.DescribeTransformJob": {"TransformJobName": "fuzz"},
    "sagemaker.ListTransformJobs": _NAMED,
    "cloudwatch.PutMetricData": {
        "Namespace": "Fuzz",
        "MetricData": [
            {
                "MetricName": "m",
                "Dimensions": [{"Name": "d", "Value": "v"}],
                "Values": [1.0, 2.5],
                "Counts": [1.0, 2.0],
                "Unit": "Count",
            },
            {
                "MetricName": "n",
                "StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2},
                "StorageResolution": 1,
            },
        ],
    },
    "cloudwatch.ListMetrics": {"Namespace": "Fuzz", "MetricName": "m", "Dimensions": [{"Name": "d"}]},
    "cloudwatch.GetMetricData": {
        "MetricDataQueries": _QUERIES,
        "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": "2027-01-01T00:00:00Z",
    },
    "cloudwatch.GetMetricStatistics": {
        **_METRIC,
        "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": "2026-01-02T00:00:00Z",
        "Period": 300,
        "Statistics": ["Sum", "Average"],
    },
    "cloudwatch.PutMetricAlarm": {
        "AlarmName": "fuzz",
        **_METRIC,
        "ExtendedStatistic": "p99",
        "Period": 10,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 1.5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "Tags": _TAGS,
    },
    "cloudwatch.PutCompositeAlarm": {"AlarmName": "fuzz-both", "AlarmRule": "ALARM(fuzz) AND NOT (OK(fuzz) OR FALSE)"},
    "cloudwatch.DescribeAlarms": {"AlarmNamePrefix": "fuzz", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 10},
    "cloudwatch.DescribeAlarmsForMetric": {**_METRIC, "ExtendedStatistic": "p99", "Period": 10},
    "cloudwatch.SetAlarmState": {
        "AlarmName": "fuzz",
        "StateValue": "ALARM",
        "StateReason": "to see",
        "StateReasonData": '{"version": "1.0"}',
    },
    "cloudwatch.DescribeAlarmHistory": {
        "AlarmName": "fuzz",
        "HistoryItemType": "StateUpdate",
        "StartDate": "2026-01-01T00:00:00Z",
        "MaxRecords": 10,
        "ScanBy": "TimestampAscending",
    },
    "cloudwatch.EnableAlarmActions": {"AlarmNames": ["fuzz"]},
    "cloudwatch.DisableAlarmActions": {"AlarmNames": ["fuzz"]},
    "cloudwatch.TagResource": {"ResourceARN": _ALARM, "Tags": _TAGS},
    "cloudwatch.ListTagsForResource": {"ResourceARN": _ALARM},
    "cloudwatch.UntagResource": {"ResourceARN": _ALARM, "TagKeys": ["team"]},
    "logs.DescribeLogGroups": {"logGroupNamePrefix": "/aws", "limit": 10},
    "logs.DescribeLogStreams": {"logGroupName": "/aws/sagemaker/ProcessingJobs", "logStreamNamePrefix": "f", "descending": True},
    "logs.GetLogEvents": {
        "logGroupName": "/aws/sagemaker/ProcessingJobs",
        "logStreamName": "fuzz/algo-1",
        "startFromHead": True,
        "limit": 10,
        "startTime": 1,
        "endTime": 4_000_000_000_000,
        "nextToken": "f/0",
    },
    "sts.GetCallerIdentity": {},
    "iam.GetRole": {"RoleName": "fuzz"},
}
