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


CHANGES = {
    "write-tenant", "write-policy", "write-reference-value", "revoke-reference-value", "write-secret", "destroy-secret",
    "rotate-keys",
}


def is_list_of_changes(actions):
    return isinstance(actions, list) and all(isinstance(one, str) and one in CHANGES for one in actions)


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    named = case.path_parameters or {}
    # What is done to a whole tenant is done to one that nothing else is tried in.
    if case.operation.path.startswith("/v1/tenants/") and named.get("tenant") == "default":
        case.path_parameters = {**named, "tenant": "fuzzed"}
    # Once a second person is wanted for everything, one administrator alone tries nothing more.
    if case.operation.path.endswith("/v1/four-eyes") and isinstance(case.body, dict):
        if is_list_of_changes(case.body.get("actions")):
            case.body = {**case.body, "actions": []}
