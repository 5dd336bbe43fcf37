"""Tags of any resource that the service keeps; they are the member Tags of its body."""

from __future__ import annotations

from sagelens.local.ports import ApiError, Clock, Document, Handler, Request, Resource
from sagelens.local.store import Store, page

__all__ = ["Tags"]

_MOST_TAGS = 50


class Tags:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {"sagemaker.AddTags": self.add, "sagemaker.ListTags": self.list, "sagemaker.DeleteTags": self.delete}

    async def add(self, request: Request) -> Document:
        resource = self._found(request)
        added = {tag["Key"]: tag for tag in request["Tags"]}
        kept = [tag for tag in resource.body.get("Tags", []) if tag["Key"] not in added]
        tags = [*kept, *added.values()]
        if len(tags) > _MOST_TAGS:
            raise ApiError(
                "ResourceLimitExceeded", f"A resource can have {_MOST_TAGS} tags; {resource.arn} would have {len(tags)}."
            )
        self._store.update(resource.arn, body={"Tags": tags}, modified=resource.modified)
        return {"Tags": tags}

    async def list(self, request: Request) -> Document:
        shown, more = page(self._found(request).body.get("Tags", []), request)
        return {"Tags": shown, **more}

    async def delete(self, request: Request) -> Document:
        resource = self._found(request)
        kept = [tag for tag in resource.body.get("Tags", []) if tag["Key"] not in request["TagKeys"]]
        self._store.update(resource.arn, body={"Tags": kept}, modified=resource.modified)
        return {}

    def _found(self, request: Request) -> Resource:
        resource = self._store.find(request["ResourceArn"])
        if resource is None:
            raise ApiError("ValidationException", f"Could not find a resource with the ARN {request['ResourceArn']}.")
        return resource
