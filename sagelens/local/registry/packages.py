"""Model packages: versions in a group, and unversioned ones. A version is named by its number, its group is the parent."""

from __future__ import annotations

from sagelens.local.ports import ApiError, Clock, Document, Handler, Request, Resource
from sagelens.local.registry.listing import listed
from sagelens.local.registry.names import Names
from sagelens.local.registry.package_update import updated
from sagelens.local.store import AlreadyStored, Store, page

__all__ = ["ModelPackages"]

_NO_CHECKS: Document = {"ValidationStatuses": [], "ImageScanStatuses": []}


class ModelPackages:
    def __init__(self, store: Store, clock: Clock, names: Names) -> None:
        self._store = store
        self._clock = clock
        self._names = names

    def handlers(self) -> dict[str, Handler]:
        return {
            "sagemaker.CreateModelPackage": self.create,
            "sagemaker.DescribeModelPackage": self.describe,
            "sagemaker.ListModelPackages": self.list,
            "sagemaker.UpdateModelPackage": self.update,
            "sagemaker.DeleteModelPackage": self.delete,
        }

    async def create(self, request: Request) -> Document:
        named, grouped = "ModelPackageName" in request, "ModelPackageGroupName" in request
        if named == grouped:
            raise ApiError(
                "ValidationException",
                "Either ModelPackageName, for an unversioned package, or ModelPackageGroupName, for a version, must be provided.",
            )
        with self._store.transaction():
            arn = self._create_version(request) if grouped else self._create_unversioned(request)
        return {"ModelPackageArn": arn}

    def _create_version(self, request: Request) -> str:
        group = self._group(request["ModelPackageGroupName"])
        made = self._made_with(request.get("ClientToken"), group.name)
        if made is not None:
            return made
        # The last number is kept with the group: the number of a deleted version is not used again.
        version = int(group.body.get("LastVersion", 0)) + 1
        arn = self._names.package(f"{group.name}/{version}")
        body = {
            "ModelApprovalStatus": "PendingManualApproval",
            "ModelPackageRegistrationType": "Registered",
            **request,
            "ModelPackageGroupName": group.name,
            "ModelPackageVersion": version,
        }
        self._insert(arn, str(version), group.name, body)
        self._store.update(group.arn, body={"LastVersion": version}, modified=group.modified)
        return arn

    def _create_unversioned(self, request: Request) -> str:
        if "ModelApprovalStatus" in request:
            raise ApiError("ValidationException", "ModelApprovalStatus applies only to a version in a model package group.")
        name = request["ModelPackageName"]
        made = self._made_with(request.get("ClientToken"), "")
        if made is not None:
            return made
        arn = self._names.package(name)
        self._insert(arn, name, "", request)
        return arn

    def _insert(self, arn: str, name: str, parent: str, body: Document) -> None:
        now = self._clock.time()
        package = Resource(
            kind="ModelPackage", arn=arn, name=name, parent=parent, status="Completed", created=now, modified=now, body=body
        )
        try:
            self._store.insert(package)
        except AlreadyStored as error:
            raise ApiError("ConflictException", f"Model Package already exists: {arn}") from error

    def _made_with(self, token: str | None, parent: str) -> str | None:
        """The package that an earlier request with the same ClientToken made."""
        if not token:
            return None
        packages = self._store.query("ModelPackage", parent=parent)
        return next((package.arn for package in packages if package.body.get("ClientToken") == token), None)

    async def describe(self, request: Request) -> Document:
        package = self._found(request["ModelPackageName"])
        changed = package.modified if package.modified > package.created else None
        return {
            **package.body,
            **_summary(package),
            # The service model requires a name, which a version has not; the SDK describes the package again by it.
            "ModelPackageName": f"{package.parent}/{package.name}" if package.parent else package.name,
            "ModelPackageStatusDetails": _NO_CHECKS,
            "LastModifiedTime": changed,
        }

    async def list(self, request: Request) -> Document:
        kind = request.get("ModelPackageType", "Unversioned")
        parent = "" if kind == "Unversioned" else None
        if "ModelPackageGroupName" in request:
            parent = self._group(request["ModelPackageGroupName"]).name
        # Names are compared below: a version has its group's.
        wanted = {key: value for key, value in request.items() if key != "NameContains"}
        packages = listed(self._store, "ModelPackage", wanted, parent=parent)
        packages = [package for package in packages if _passes(package, request)]
        if request.get("SortBy") == "Name":
            packages.sort(key=_order, reverse=request.get("SortOrder") == "Descending")
        shown, more = page(packages, request)
        return {"ModelPackageSummaryList": [_summary(package) for package in shown], **more}

    async def update(self, request: Request) -> Document:
        package = self._found(request["ModelPackageArn"])
        if "ModelApprovalStatus" in request and not package.parent:
            raise ApiError("ValidationException", f"{package.arn} is unversioned; only a version in a group can be approved.")
        self._store.update(package.arn, body=updated(package.body, request), replace=True, modified=self._clock.time())
        return {"ModelPackageArn": package.arn}

    async def delete(self, request: Request) -> Document:
        self._store.delete(self._found(request["ModelPackageName"]).arn)
        return {}

    def _found(self, name: str) -> Resource:
        arn = self._names.package(name)
        package = self._store.find(arn)
        if package is None or package.kind != "ModelPackage":
            raise ApiError("ValidationException", f"ModelPackage {arn} does not exist.")
        return package

    def _group(self, name: str) -> Resource:
        arn = self._names.group(name)
        group = self._store.find(arn)
        if group is None or group.kind != "ModelPackageGroup":
            raise ApiError("ValidationException", f"ModelPackageGroup {arn} does not exist. Create it first.")
        return group


def _passes(package: Resource, request: Request) -> bool:
    if request.get("ModelPackageType") == "Versioned" and not package.parent:
        return False
    approval = request.get("ModelApprovalStatus")
    if approval and package.body.get("ModelApprovalStatus") != approval:
        return False
    return str(request.get("NameContains", "")).lower() in (package.parent or package.name).lower()


def _order(package: Resource) -> tuple[str, int]:
    return package.parent or package.name, int(package.body.get("ModelPackageVersion", 0))


def _summary(package: Resource) -> Document:
    shown = ("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription", "ModelApprovalStatus")
    more = ("ModelLifeCycle", "ModelPackageRegistrationType")
    return {
        "ModelPackageName": None if package.parent else package.name,
        "ModelPackageArn": package.arn,
        "CreationTime": package.created,
        "ModelPackageStatus": package.status,
        **{name: package.body.get(name) for name in (*shown, *more)},
    }
