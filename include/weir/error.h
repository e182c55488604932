/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

/*
 * Status codes, outcomes and the error object: how every function of weir says what happened.
 *
 * A function that can fail returns an enum weir_status (0 = success) and, when the caller passed a
 * struct weir_error, fills it with the detail. Results are written only on success. Two questions
 * are answered separately, because a caller acts on them differently:
 *
 *   - what went wrong: the status, and `code`, the name the service gave it;
 *   - did the write happen: the outcome. A request that timed out may have been applied; such an
 *     error has the outcome WEIR_OUTCOME_UNKNOWN, and is never reported as "not applied".
 *
 * Threads: any; a struct weir_error belongs to one caller at a time.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_API
#endif

/*
 * The one table of statuses: X(name, text, DynamoDB exception or "", HTTP status, retry).
 * `retry` is 1 when the same call may succeed if it is simply made again later.
 * Exception names and HTTP statuses: AWS's API models of DynamoDB and DynamoDB Streams, 2026-08.
 */
#define WEIR_STATUS_TABLE(X)                                                                       \
    X(OK, "success", "", 200, 0)                                                                   \
    /* What the DynamoDB API answers. */                                                           \
    X(VALIDATION, "validation failed", "ValidationException", 400, 0)                              \
    X(SERIALIZATION, "malformed request", "SerializationException", 400, 0)                        \
    X(UNKNOWN_OPERATION, "unknown operation", "UnknownOperationException", 400, 0)                 \
    X(CONDITION_FAILED, "the condition failed", "ConditionalCheckFailedException", 400, 0)         \
    X(TXN_CANCELED, "the transaction was cancelled", "TransactionCanceledException", 400, 0)       \
    X(TXN_CONFLICT, "conflict with a transaction", "TransactionConflictException", 400, 1)         \
    X(TXN_IN_PROGRESS, "the transaction is in progress", "TransactionInProgressException", 400, 1) \
    X(IDEMPOTENT_MISMATCH, "token used with other parameters",                                     \
      "IdempotentParameterMismatchException", 400, 0)                                              \
    X(RESOURCE_NOT_FOUND, "no such table or stream", "ResourceNotFoundException", 400, 0)          \
    X(RESOURCE_IN_USE, "the table is in use", "ResourceInUseException", 400, 0)                    \
    X(LIMIT_EXCEEDED, "a limit of the service was exceeded", "LimitExceededException", 400, 0)     \
    X(COLLECTION_TOO_LARGE, "item collection too large",                                           \
      "ItemCollectionSizeLimitExceededException", 400, 0)                                          \
    X(PROVISIONED_EXCEEDED, "throughput exceeded", "ProvisionedThroughputExceededException", 400,  \
      1)                                                                                           \
    X(THROTTLED, "throttled", "ThrottlingException", 400, 1)                                       \
    X(TRIMMED, "the records at this position are trimmed", "TrimmedDataAccessException", 400, 0)   \
    X(ITERATOR_EXPIRED, "the shard iterator is expired", "ExpiredIteratorException", 400, 0)       \
    X(ACCESS_DENIED, "access denied", "AccessDeniedException", 400, 0)                             \
    X(BAD_CREDENTIALS, "the credentials were refused", "UnrecognizedClientException", 400, 0)      \
    X(BODY_TOO_LARGE, "the request body is too large", "RequestEntityTooLarge", 413, 0)            \
    X(SERVER, "the service failed", "InternalServerError", 500, 1)                                 \
    X(UNAVAILABLE, "the service is unavailable", "ServiceUnavailable", 503, 1)                     \
    X(SERVICE_OTHER, "the service refused the call", "", 400, 0)                                   \
    /* What weir itself says. */                                                                   \
    X(INVALID_ARGUMENT, "invalid argument", "", 400, 0)                                            \
    X(CLOSED, "not open", "", 400, 0)                                                              \
    X(NOT_FOUND, "not found", "", 400, 0)                                                          \
    X(ALREADY_EXISTS, "already exists", "", 400, 0)                                                \
    X(TOO_LARGE, "over a limit", "", 400, 0)                                                       \
    X(NO_MEMORY, "out of memory for this request", "", 500, 1)                                     \
    X(CONFIG, "invalid configuration", "", 400, 0)                                                 \
    X(CREDENTIALS, "no usable credentials", "", 400, 0)                                            \
    X(UNREACHABLE, "cannot reach the service", "", 503, 1)                                         \
    X(TIMEOUT, "timed out", "", 503, 1)                                                            \
    X(PROTOCOL, "the peer sent something unintelligible", "", 502, 1)                              \
    X(SINK_REJECTED, "the sink rejected the message", "", 400, 0)                                  \
    X(MALFORMED_MESSAGE, "the stored message cannot be read", "", 400, 0)                          \
    X(GAP, "records were lost before they could be read", "", 400, 0)                              \
    X(LEASE_LOST, "another worker holds the lease", "", 400, 0)                                    \
    X(IO, "input or output failed", "", 500, 0)                                                    \
    X(NO_SPACE, "no space left on the device", "", 500, 1)                                         \
    X(CORRUPTION, "stored data is damaged", "", 500, 0)                                            \
    X(LOCK_HELD, "held by another process", "", 500, 1)                                            \
    X(UNSUPPORTED, "not supported", "", 400, 0)                                                    \
    X(CANCELLED, "cancelled by a stop", "", 500, 1)                                                \
    X(UNKNOWN_TOPIC, "the message type has no topic", "", 400, 0)                                  \
    X(INTERNAL, "a defect in weir", "", 500, 0)

enum weir_status {
#define WEIR_STATUS_ENUM(name, text, exception, http, retry) WEIR_##name,
    WEIR_STATUS_TABLE(WEIR_STATUS_ENUM)
#undef WEIR_STATUS_ENUM
        WEIR_STATUS_COUNT
};

/* What became of a write. Reads, and errors found before anything was sent, are NOT_APPLIED. */
enum weir_outcome {
    WEIR_APPLIED = 0,
    WEIR_NOT_APPLIED = 1,
    WEIR_OUTCOME_UNKNOWN = 2,
};

#define WEIR_ERROR_MESSAGE_MAX 512
#define WEIR_ERROR_CODE_MAX 64
#define WEIR_REQUEST_ID_MAX 64

/* Plain data, caller's storage; initialise with {0}. Strings are NUL-terminated and cut to fit. */
struct weir_error {
    enum weir_status status;
    enum weir_outcome outcome;
    int32_t http_status;                  /* 0 when no answer came over HTTP */
    int32_t retryable;                    /* 1: the same call may succeed later */
    char code[WEIR_ERROR_CODE_MAX];       /* the service's name of the error, "" if ours */
    char request_id[WEIR_REQUEST_ID_MAX]; /* the service's id of the request, "" if none */
    char message[WEIR_ERROR_MESSAGE_MAX]; /* what, where, and what would be right */
};

/* The status's name ("CONDITION_FAILED"), and a short English text. Never NULL. Any thread. */
WEIR_API const char *weir_status_name(enum weir_status status);
WEIR_API const char *weir_status_text(enum weir_status status);

/* Whether the same call may succeed if made again later (1) or not (0). Any thread. */
WEIR_API int32_t weir_status_retryable(enum weir_status status);

#ifdef __cplusplus
}
#endif
#endif
