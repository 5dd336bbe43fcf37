"""A VPC without a way out: jobs and model servers reach the services that our code calls, and nothing else."""

from __future__ import annotations

from aws_cdk import CfnOutput, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.permissions.place import Place

__all__ = ["SERVICES", "Network"]

SERVICES = {
    "sagemaker": ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_API,
    "sagemaker-runtime": ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
    "cloudwatch": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
    "sts": ec2.InterfaceVpcEndpointAwsService.STS,
}
"""What steps call from inside, by boto3's name, beside S3. Images, logs and metrics of jobs do not pass through the VPC."""

_DEFAULT_GROUP = NagPackSuppression(
    id="HIPAA.Security-VPCDefaultSecurityGroupClosed",
    reason="The default group is empty; CloudFormation cannot close it, and a function would need rights on every group.",
)


class Network(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place, logged: s3.IBucket) -> None:
        super().__init__(scope, name)
        environment = place.environment
        Tags.of(self).add("sagelens:project", place.settings.project)  # by which roles know it
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=place.prefix,
            ip_addresses=ec2.IpAddresses.cidr(environment.cidr),
            availability_zones=list(environment.zones),
            nat_gateways=0,
            create_internet_gateway=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
        )
        NagSuppressions.add_resource_suppressions(self.vpc, [_DEFAULT_GROUP])
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_s3(logged, "flow/"))
        self.jobs = self._group("Jobs", "Jobs and model servers: HTTPS out, nothing in")
        services = self._group("Services", "Endpoints of AWS services: HTTPS from jobs")
        services.add_ingress_rule(self.jobs, ec2.Port.tcp(443), "jobs and model servers")
        self.jobs.add_egress_rule(services, ec2.Port.tcp(443), "services")
        # The list of S3's addresses has another id in each Region, and no other route leads out of the subnets.
        self.jobs.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "S3 through its gateway, the only route")
        self._objects(place)
        for service, endpoint in SERVICES.items():
            self._endpoint(service, endpoint, services, environment.account)
        subnets = ",".join(subnet.subnet_id for subnet in self.vpc.isolated_subnets)
        CfnOutput(self, "Subnets", value=subnets, description="Where jobs and model servers run")
        CfnOutput(self, "SecurityGroup", value=self.jobs.security_group_id, description="Of jobs and model servers")

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description, allow_all_outbound=False)

    def _objects(self, place: Place) -> None:
        gateway = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        buckets = [f"arn:aws:s3:::{name}" for name in (place.bucket, place.data_bucket)]
        gateway.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:ListBucket", "s3:PutObject"],
                resources=[*buckets, *(f"{bucket}/*" for bucket in buckets)],
                conditions={"StringEquals": {"aws:PrincipalAccount": place.environment.account}},
            )
        )

    def _endpoint(self, name: str, service: ec2.InterfaceVpcEndpointAwsService, group: ec2.SecurityGroup, account: str) -> None:
        made = self.vpc.add_interface_endpoint(
            name.title().replace("-", ""), service=service, private_dns_enabled=True, open=False, security_groups=[group]
        )
        made.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:PrincipalAccount": account}},
            )
        )
