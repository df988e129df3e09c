"""What schemathesis makes up, where it would come to nothing."""

import schemathesis


def whole(value):
    """JSON Schema takes 8.0 for an integer, serde does not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole(member) for member in value]
    return value


@schemathesis.hook
def map_body(context, body):
    operation = context.operation.definition.raw["operationId"]
    # Once a second person is wanted for everything, one administrator alone tries nothing more.
    if operation.startswith("putFourEyes") and isinstance(body, dict) and body.get("actions"):
        body = {**body, "actions": []}
    return whole(body)


@schemathesis.hook
def map_path_parameters(context, parameters):
    # What is done to a whole tenant is done to one that nothing else is tried in.
    path = context.operation.path
    if path.startswith("/v1/tenants/") and parameters and "tenant" in parameters:
        return {**parameters, "tenant": "fuzzed"}
    return parameters
