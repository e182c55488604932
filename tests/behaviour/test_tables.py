# SPDX-License-Identifier: Apache-2.0
"""Tables: create, describe, list, delete, update, time to live, limits."""
import re
import uuid

import pytest

S = {"AttributeName": "pk", "AttributeType": "S"}
HASH = {"AttributeName": "pk", "KeyType": "HASH"}
PREFIX = "One or more parameter values were invalid: "


def fresh():
    return f"t-{uuid.uuid4().hex[:12]}"


def create(client, **changes):
    request = {
        "TableName": fresh(),
        "AttributeDefinitions": [S],
        "KeySchema": [HASH],
        "BillingMode": "PAY_PER_REQUEST",
    }
    request.update(changes)
    return client.create_table(**{k: v for k, v in request.items() if v is not None})


def test_create_answers_creating_and_describes_active(client):
    made = create(client)["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    assert client.describe_table(TableName=made["TableName"])["Table"]["TableStatus"] == "ACTIVE"
    client.delete_table(TableName=made["TableName"])


def test_describe_has_the_keys(client, table):
    described = client.describe_table(TableName=table(sort="N"))["Table"]
    assert described["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert sorted(described["AttributeDefinitions"], key=lambda d: d["AttributeName"]) == [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ]


def test_describe_has_arn_and_id(client, table):
    name = table()
    described = client.describe_table(TableName=name)["Table"]
    assert re.fullmatch(rf"arn:aws:dynamodb:[a-z0-9-]+:\d{{12}}:table/{name}", described["TableArn"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", described["TableId"])


def test_describe_by_arn(client, table):
    name = table()
    arn = client.describe_table(TableName=name)["Table"]["TableArn"]
    assert client.describe_table(TableName=arn)["Table"]["TableName"] == name


def test_items_by_arn(client, table, key):
    name = table()
    arn = client.describe_table(TableName=name)["Table"]["TableArn"]
    client.put_item(TableName=arn, Item=key)
    assert client.get_item(TableName=name, Key=key)["Item"] == key


def test_on_demand_has_zero_throughput_and_a_summary(client, table):
    described = client.describe_table(TableName=table())["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 0
    assert described["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 0


def test_provisioned_has_its_units(client, table):
    name = table(
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 7},
    )
    described = client.describe_table(TableName=name)["Table"]
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 7
    assert "BillingModeSummary" not in described


def test_provisioned_is_the_default(client):
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    made = create(client, BillingMode=None, ProvisionedThroughput=units)["TableDescription"]
    assert made["ProvisionedThroughput"]["ReadCapacityUnits"] == 1
    client.delete_table(TableName=made["TableName"])


def test_describe_counts_items_and_bytes(client, table):
    name = table()
    client.put_item(TableName=name, Item={"pk": {"S": "a"}, "b": {"S": "xyz"}})
    client.put_item(TableName=name, Item={"pk": {"S": "b"}})
    described = client.describe_table(TableName=name)["Table"]
    assert described["ItemCount"] == 2
    assert described["TableSizeBytes"] == 7 + 3


def test_counts_go_down_with_deletes(client, table):
    name = table()
    client.put_item(TableName=name, Item={"pk": {"S": "a"}})
    client.delete_item(TableName=name, Key={"pk": {"S": "a"}})
    described = client.describe_table(TableName=name)["Table"]
    assert (described["ItemCount"], described["TableSizeBytes"]) == (0, 0)


def test_creation_date_is_a_date(client, table):
    described = client.describe_table(TableName=table())["Table"]
    assert described["CreationDateTime"].year >= 2020


def test_deletion_protection_is_described(raw, table):
    described = raw("DescribeTable", {"TableName": table()}).body["Table"]
    assert described["DeletionProtectionEnabled"] is False


def test_protected_table_is_not_deleted(client, raw, table):
    answer = raw(
        "CreateTable",
        {
            "TableName": fresh(),
            "AttributeDefinitions": [S],
            "KeySchema": [HASH],
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": True,
        },
    )
    description = answer.body["TableDescription"]
    assert description["DeletionProtectionEnabled"] is True
    refused = raw("DeleteTable", {"TableName": description["TableName"]})
    assert refused.status == 400
    assert refused.type == "com.amazon.coral.validate#ValidationException"
    assert client.describe_table(TableName=description["TableName"])


def test_waiter_sees_the_table(client, table):
    client.get_waiter("table_exists").wait(TableName=table(), WaiterConfig={"Delay": 1})


def test_create_twice_is_in_use(client, table, refused):
    name = table()
    refused(
        lambda: create(client, TableName=name),
        "ResourceInUseException",
        f"Table already exists: {name}",
    )


def test_delete_answers_deleting_and_it_is_gone(client, table, refused):
    name = table()
    assert client.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    refused(
        lambda: client.describe_table(TableName=name),
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {name} not found",
    )


def test_delete_of_none(client, refused):
    name = fresh()
    refused(
        lambda: client.delete_table(TableName=name),
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {name} not found",
    )


def test_recreated_table_is_empty(client, table, key):
    name = table()
    client.put_item(TableName=name, Item=key)
    client.delete_table(TableName=name)
    create(client, TableName=name)
    assert client.scan(TableName=name)["Count"] == 0


def test_recreated_table_has_another_id(client, table):
    name = table()
    before = client.describe_table(TableName=name)["Table"]["TableId"]
    client.delete_table(TableName=name)
    create(client, TableName=name)
    assert client.describe_table(TableName=name)["Table"]["TableId"] != before


def test_names_are_case_sensitive(client, table, refused):
    refused(
        lambda: client.describe_table(TableName=table().upper()), "ResourceNotFoundException"
    )


@pytest.mark.parametrize("operation", ["describe_table", "delete_table", "create_table",
                                       "update_time_to_live", "describe_time_to_live",
                                       "update_table"])
def test_operations_on_tables_require_a_name(client, invalid, operation):
    invalid(
        lambda: getattr(client, operation)(),
        "The parameter 'TableName' is required but was not present in the request",
    )


@pytest.mark.parametrize("name", ["", "a;", "ab", "a" * 256])
def test_name_of_wrong_length(client, invalid, name):
    invalid(
        lambda: client.describe_table(TableName=name),
        "TableName must be at least 3 characters long and at most 255 characters long",
    )


@pytest.mark.parametrize("name", ["a" * 3, "a" * 255, "A-b_c.9"])
def test_names_that_are_fine(client, name):
    create(client, TableName=name)
    client.delete_table(TableName=name)


def test_name_of_wrong_letters(client, invalid):
    invalid(
        lambda: client.describe_table(TableName="abc;"),
        "1 validation error detected: Value 'abc;' at 'tableName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    )


def test_all_missing_members_are_listed(client, invalid):
    error = invalid(lambda: client.create_table(TableName="abc;"))["Error"]["Message"]
    assert error.startswith("3 validation errors detected: ")
    for part in (
        "Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null",
        "Value 'abc;' at 'tableName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9_.-]+",
        "Value null at 'keySchema' failed to satisfy constraint: Member must not be null",
    ):
        assert part in error


def test_throughput_must_be_whole(client, invalid):
    error = invalid(
        lambda: create(client, ProvisionedThroughput={"ReadCapacityUnits": -1})
    )["Error"]["Message"]
    assert "Value null at 'provisionedThroughput.writeCapacityUnits' failed" in error
    assert (
        "Value '-1' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1" in error
    )


def test_throughput_out_of_bounds(client, invalid):
    units = {"ReadCapacityUnits": 1000000000001, "WriteCapacityUnits": 1}
    invalid(
        lambda: create(client, BillingMode=None, ProvisionedThroughput=units),
        "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
    )


def test_write_throughput_out_of_bounds(client, invalid):
    units = {"ReadCapacityUnits": 1000000000000, "WriteCapacityUnits": 1000000000001}
    invalid(
        lambda: create(client, BillingMode=None, ProvisionedThroughput=units),
        "Given value 1000000000001 for WriteCapacityUnits is out of bounds",
    )


def test_provisioned_without_throughput(client, invalid):
    invalid(
        lambda: create(client, BillingMode=None),
        PREFIX + "ReadCapacityUnits and WriteCapacityUnits must both be specified when "
        "BillingMode is PROVISIONED",
    )


def test_on_demand_with_throughput(client, invalid):
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    invalid(
        lambda: create(client, ProvisionedThroughput=units),
        PREFIX + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
        "BillingMode is PAY_PER_REQUEST",
    )


def test_unknown_billing_mode(client, invalid):
    invalid(
        lambda: create(client, BillingMode="FREE"),
        "1 validation error detected: Value 'FREE' at 'billingMode' failed to satisfy constraint: "
        "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
    )


def test_empty_key_schema(client, invalid):
    invalid(
        lambda: create(client, KeySchema=[]),
        "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    )


def test_three_keys(client, invalid):
    error = invalid(lambda: create(client, KeySchema=[HASH, HASH, HASH]))["Error"]["Message"]
    assert "at 'keySchema' failed to satisfy constraint: Member must have length less than or " \
        "equal to 2" in error


def test_key_element_without_name(client, invalid):
    invalid(
        lambda: create(client, KeySchema=[{"KeyType": "HASH"}]),
        "1 validation error detected: Value null at 'keySchema.1.member.attributeName' failed to "
        "satisfy constraint: Member must not be null",
    )


def test_unknown_key_type(client, invalid):
    invalid(
        lambda: create(client, KeySchema=[{"AttributeName": "pk", "KeyType": "Woop"}]),
        "1 validation error detected: Value 'Woop' at 'keySchema.1.member.keyType' failed to "
        "satisfy constraint: Member must satisfy enum value set: [HASH, RANGE]",
    )


@pytest.mark.parametrize("kind", ["SS", "BOOL", "a"])
def test_attribute_type_that_is_no_key(client, invalid, kind):
    definition = {"AttributeName": "pk", "AttributeType": kind}
    invalid(
        lambda: create(client, AttributeDefinitions=[definition]),
        f"1 validation error detected: Value '{kind}' at 'attributeDefinitions.1.member."
        "attributeType' failed to satisfy constraint: Member must satisfy enum value set: "
        "[B, N, S]",
    )


def test_more_keys_than_definitions(client, invalid):
    invalid(
        lambda: create(client, AttributeDefinitions=[]),
        "Invalid KeySchema: Some index key attribute have no definition",
    )


def test_undefined_key(client, invalid):
    other = {"AttributeName": "b", "AttributeType": "S"}
    invalid(
        lambda: create(client, AttributeDefinitions=[other]),
        PREFIX + "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk], "
        "AttributeDefinitions: [b]",
    )


TWO = [S, {"AttributeName": "b", "AttributeType": "S"}]


def test_one_attribute_for_both_keys(client, invalid):
    invalid(
        lambda: create(client, AttributeDefinitions=TWO, KeySchema=[HASH, HASH]),
        "Both the Hash Key and the Range Key element in the KeySchema have the same name",
    )


def test_second_key_is_no_range(client, invalid):
    schema = [HASH, {"AttributeName": "b", "KeyType": "HASH"}]
    invalid(
        lambda: create(client, AttributeDefinitions=TWO, KeySchema=schema),
        "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
    )


def test_first_key_is_no_hash(client, invalid):
    schema = [{"AttributeName": "b", "KeyType": "RANGE"}, HASH]
    invalid(
        lambda: create(client, AttributeDefinitions=TWO, KeySchema=schema),
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
    )


def test_definition_without_use(client, invalid):
    invalid(
        lambda: create(client, AttributeDefinitions=TWO),
        PREFIX + "Number of attributes in KeySchema does not exactly match number of attributes "
        "defined in AttributeDefinitions",
    )


@pytest.mark.parametrize("kind", ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"])
def test_empty_list_of_indexes(client, invalid, kind):
    invalid(lambda: create(client, **{kind: []}), f"{PREFIX}List of {kind} is empty")


# ---- ListTables


def test_list_has_the_table(client, table):
    name = table()
    names = [n for page in client.get_paginator("list_tables").paginate()
             for n in page["TableNames"]]
    assert name in names


def test_list_pages_in_order(client, table):
    run = uuid.uuid4().hex
    mine = [table(name=f"t-{run}-{letter}") for letter in "cab"]
    pages = client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1})
    names = [n for page in pages for n in page["TableNames"]]
    assert names == sorted(names)
    assert set(mine) <= set(names)


def test_list_after_a_name(client, table):
    run = uuid.uuid4().hex
    second, first = table(name=f"t-{run}-b"), table(name=f"t-{run}-a")
    names = client.list_tables(ExclusiveStartTableName=first)["TableNames"]
    assert first not in names and second in names


def test_list_page_says_where_it_ended(client, table):
    table(), table()
    page = client.list_tables(Limit=1)
    assert page["LastEvaluatedTableName"] == page["TableNames"][0]


def test_list_to_the_end_has_no_last_name(client, table):
    table()
    assert "LastEvaluatedTableName" not in client.list_tables(ExclusiveStartTableName="zzz")


@pytest.mark.parametrize(
    "limit,text",
    [(0, "greater than or equal to 1"), (101, "less than or equal to 100")],
)
def test_list_limit(client, invalid, limit, text):
    invalid(
        lambda: client.list_tables(Limit=limit),
        f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
        f"Member must have value {text}",
    )


def test_list_with_several_errors(client, invalid):
    invalid(
        lambda: client.list_tables(ExclusiveStartTableName="a;", Limit=500),
        "3 validation errors detected: Value '500' at 'limit' failed to satisfy constraint: Member "
        "must have value less than or equal to 100; Value 'a;' at 'exclusiveStartTableName' failed "
        "to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
        "Value 'a;' at 'exclusiveStartTableName' failed to satisfy constraint: Member must have "
        "length greater than or equal to 3",
    )


# ---- UpdateTable


def test_stream_on_and_off(client, table):
    name = table()
    spec = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    made = client.update_table(TableName=name, StreamSpecification=spec)["TableDescription"]
    assert made["StreamSpecification"] == spec
    assert made["LatestStreamArn"].endswith(made["LatestStreamLabel"])
    off = client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in off["TableDescription"]


def test_enabling_an_enabled_stream(client, table, invalid):
    name = table(view="NEW_IMAGE")
    spec = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    invalid(lambda: client.update_table(TableName=name, StreamSpecification=spec))


def test_changing_the_view_type_in_place(client, table, invalid):
    name = table(view="NEW_IMAGE")
    spec = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    invalid(lambda: client.update_table(TableName=name, StreamSpecification=spec))


def test_disabling_a_disabled_stream(client, table, invalid):
    name = table()
    invalid(
        lambda: client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    )


def test_enabling_without_a_view_type(client, table, invalid):
    name = table()
    invalid(
        lambda: client.update_table(TableName=name, StreamSpecification={"StreamEnabled": True})
    )


def test_unknown_view_type(client, table, invalid):
    name = table()
    spec = {"StreamEnabled": True, "StreamViewType": "ALL"}
    invalid(
        lambda: client.update_table(TableName=name, StreamSpecification=spec),
        "1 validation error detected: Value 'ALL' at 'streamSpecification.streamViewType' failed "
        "to satisfy constraint: Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, "
        "NEW_AND_OLD_IMAGES, KEYS_ONLY]",
    )


def test_update_of_nothing(client, table, invalid):
    invalid(
        lambda: client.update_table(TableName=table()),
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
        "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
    )


def test_update_of_indexes_is_refused_by_name(client, table, invalid):
    update = {"Delete": {"IndexName": "abc"}}
    invalid(
        lambda: client.update_table(TableName=table(), GlobalSecondaryIndexUpdates=[update]),
        "weir does not support changing GlobalSecondaryIndexUpdates with UpdateTable yet",
    )


def test_update_of_none(client, refused):
    name = fresh()
    refused(
        lambda: client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False}),
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {name} not found",
    )


# ---- time to live


def ttl(client, name, enabled, attribute="ttl"):
    spec = {"Enabled": enabled, "AttributeName": attribute}
    return client.update_time_to_live(TableName=name, TimeToLiveSpecification=spec)


def test_ttl_is_off_at_first(client, table):
    described = client.describe_time_to_live(TableName=table())["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "DISABLED"}


def test_ttl_on(client, table):
    name = table()
    answer = ttl(client, name, True)["TimeToLiveSpecification"]
    assert answer == {"Enabled": True, "AttributeName": "ttl"}
    described = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_ttl_on_twice(client, table, invalid):
    name = table()
    ttl(client, name, True)
    invalid(lambda: ttl(client, name, True), "TimeToLive is already enabled")


def test_ttl_on_another_attribute(client, table, invalid):
    name = table()
    ttl(client, name, True)
    invalid(
        lambda: ttl(client, name, True, "other"),
        "TimeToLive is active on a different AttributeName: current AttributeName is ttl",
    )


def test_ttl_off_when_off(client, table, invalid):
    invalid(lambda: ttl(client, table(), False), "TimeToLive is already disabled")


def test_ttl_of_none(client, refused):
    name = fresh()
    refused(
        lambda: ttl(client, name, True),
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {name} not found",
    )


def test_ttl_without_attribute(client, table, invalid):
    invalid(
        lambda: ttl(client, table(), True, ""),
        "TimeToLiveSpecification.AttributeName must be non empty",
    )


def test_ttl_without_anything(client, invalid):
    error = invalid(
        lambda: client.update_time_to_live(TableName="abc", TimeToLiveSpecification={})
    )["Error"]["Message"]
    assert error.startswith("2 validation errors detected: ")
    assert "Value null at 'timeToLiveSpecification.enabled'" in error
    assert "Value null at 'timeToLiveSpecification.attributeName'" in error


# ---- the rest


def test_limits(client):
    limits = client.describe_limits()
    assert limits["TableMaxReadCapacityUnits"] == 40000
    assert limits["AccountMaxWriteCapacityUnits"] == 80000


def test_endpoints_do_not_lead_to_aws(client):
    endpoints = client.describe_endpoints()["Endpoints"]
    assert len(endpoints) == 1 and "amazonaws" not in endpoints[0]["Address"]


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.list_backups(),
        lambda c: c.list_global_tables(),
        lambda c: c.execute_statement(Statement="SELECT * FROM t"),
        lambda c: c.tag_resource(ResourceArn="a", Tags=[]),
    ],
    ids=["ListBackups", "ListGlobalTables", "ExecuteStatement", "TagResource"],
)
def test_unsupported_operation_says_so_by_name(client, refused, call, request):
    name = request.node.callspec.id
    refused(
        lambda: call(client),
        "UnknownOperationException",
        f"weir does not support the operation {name}",
    )
