#!/bin/sh
# Adds the access rules of workers and operators. Made by `person permissions`; adding them twice changes nothing.
# BOOTSTRAP: address of a broker. ADMIN_CONFIG: properties file of somebody who may change rules.
# WORKER, OPERATOR: principals, such as User:person-worker, or User:CN=worker for client certificates.
set -eu
: "${BOOTSTRAP:?}" "${ADMIN_CONFIG:?}" "${WORKER:?}" "${OPERATOR:?}"
add() {
  kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --add --force --allow-principal "$@"
}

add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-network-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-outcomes-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-persons-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-policies-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-quarantine-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-sagas-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-search-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-skills-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-statistics-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-summary-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-timeline-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person-views-changelog
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --operation Delete --topic person.commands
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person.events
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person.sagas
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person.timers
add "$WORKER" --operation Create --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic person.foreign
add "$WORKER" --operation Read --group person
add "$WORKER" --operation Describe --operation Write --transactional-id person- --resource-pattern-type prefixed
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-network-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-outcomes-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-persons-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-policies-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-quarantine-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-sagas-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-search-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-skills-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-statistics-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-summary-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-timeline-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person-views-changelog
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person.commands
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person.events
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person.sagas
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person.timers
add "$OPERATOR" --operation Describe --operation DescribeConfigs --operation Read --topic person.foreign
add "$OPERATOR" --operation Describe --group person
