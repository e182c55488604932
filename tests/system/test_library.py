# SPDX-License-Identifier: Apache-2.0
"""The three installed libraries, as an application gets them: symbols, dependencies, headers, and
programs that link one or all of them."""

import re
import subprocess

import pytest

import support

LIBRARIES = ["weir", "weir-engine", "weir-relay"]
# What a library exports for another one of the three, declared in no installed header.
BETWEEN = {"weir": {"weir_transport_register"}}
SYSTEM = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2",
          "libpthread.so.0"}
# All that a library may be linked with, beside SYSTEM, whatever its version.
NEEDED = {
    "weir": {"libuv", "libxxhash", "libsimdjson", "libcrypto", "libcurl", "libz"},
    "weir-engine": {"libweir", "librocksdb", "libxxhash", "libsimdjson", "libcrypto"},
    "weir-relay": {"libweir", "libhiredis", "libuv", "libxxhash", "libsimdjson", "libcrypto"},
}


def file_of(prefix, library):
    return next(prefix.rglob("lib%s.so" % library))


def dynamic(path, tag):
    text = subprocess.check_output(["readelf", "-d", "-W", str(path)], text=True)
    return re.findall(r"\(%s\).*\[(.*)\]" % tag, text)


def exported(path):
    text = subprocess.check_output(["nm", "-D", "--defined-only", str(path)], text=True)
    rows = [line.split() for line in text.splitlines()]
    return [row[-1].split("@")[0] for row in rows if row[-2] != "A"]  # A: the version's own name


def declared(header):
    return set(re.findall(r"^WEIR_API [^;(]*?\b(weir_\w+)\(", header.read_text(), re.M | re.S))


@pytest.mark.parametrize("library", LIBRARIES)
def test_only_public_names_are_exported(installed, library):
    names = exported(file_of(installed, library))
    public = set().union(*map(declared, (installed / "include/weir").glob("*.h")))
    assert set(names) <= public | BETWEEN.get(library, set())
    assert BETWEEN.get(library, set()) <= set(names) and len(names) == len(set(names))


def test_every_public_function_is_exported_by_the_library_of_its_header(installed):
    names = {library: set(exported(file_of(installed, library))) for library in LIBRARIES}
    for header in (installed / "include/weir").glob("*.h"):
        functions = declared(header)
        assert functions, header.name
        for library in LIBRARIES:
            home = support.LIBRARY_OF.get(header.name, "weir") == library
            assert names[library] & functions == (functions if home else set()), (header.name, library)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_needs_what_it_is_designed_to_need(installed, library):
    path = file_of(installed, library)
    assert dynamic(path, "SONAME") == ["lib%s.so.0" % library]
    needed = [name for name in dynamic(path, "NEEDED") if name not in SYSTEM]
    # Sanitized builds have their runtime besides.
    needed = [name for name in needed if not re.match(r"lib(asan|ubsan|tsan)\.", name)]
    assert {re.sub(r"(-[\d.]+)?\.so.*", "", name) for name in needed} <= NEEDED[library]


@pytest.mark.parametrize("library", LIBRARIES)
def test_pkg_config_needs_nothing_of_other_projects(installed, library):
    """An application's machine need not have the headers of what libweir is made of."""
    env = support.installed_environment(installed)
    env["PKG_CONFIG_LIBDIR"] = env.pop("PKG_CONFIG_PATH")
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", library], text=True, env=env).split()
    wanted = {"-l" + name for name in {"weir", library}}
    assert {flag for flag in flags if flag.startswith("-l")} == wanted


def test_headers_stand_alone_and_compile_as_cplusplus(installed):
    for header in sorted((installed / "include/weir").glob("*.h")):
        for command in (["cc", "-x", "c", "-std=c11"], ["c++", "-x", "c++", "-std=c++17"]):
            subprocess.run(command + ["-Wall", "-Werror", "-fsyntax-only", "-I%s" % (installed / "include"),
                                      str(header)], check=True, timeout=60)


@pytest.mark.parametrize("example", sorted((support.ROOT / "examples").glob("*/*.c")), ids=lambda p: p.stem)
def test_examples_compile_against_the_installed_libraries(example, installed, tmp_path):
    done = support.compile_installed(example, tmp_path / "example", support.installed_environment(installed),
                                     "-D_GNU_SOURCE", "-pthread")
    assert done.returncode == 0, done.stderr


# ---- applications -------------------------------------------------------------------------------

ONLY_CLIENT = r"""
#include <stdio.h>
#include <string.h>
#include <weir/client.h>
#include <weir/outbox.h>

int main(int argc, char **argv)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_outbox *outbox = NULL;
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    char *answer = NULL;
    options.endpoint_url = argc > 1 ? argv[1] : "memory:";
    if (weir_client_open(&options, &client, &err) != WEIR_OK ||
        weir_call(client, "ListTables", strlen("ListTables"), "{}", 2, &answer, NULL, &err) != WEIR_OK ||
        weir_outbox_open(client, NULL, &outbox, &err) != WEIR_OK) {
        printf("%s: %s\n", weir_status_name(err.status), err.message);
        return 1;
    }
    printf("%s\n", answer);
    weir_free(answer);
    weir_outbox_close(outbox);
    weir_client_close(client);
    return 0;
}
"""

ALL_THREE = r"""
#include <stdio.h>
#include <string.h>
#include <weir/client.h>
#include <weir/engine.h>
#include <weir/outbox.h>
#include <weir/relay.h>

#define TEXT(s) ((struct weir_text){(s), strlen(s)})

static void submit(void *sink, struct weir_sink_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct weir_sink_message *m = &batch->messages[i];
        printf("%.*s %.*s\n", (int)m->key.len, m->key.ptr, (int)m->payload.len, m->payload.ptr);
        batch->results[i].delivery = WEIR_DELIVERED;
    }
    *(unsigned *)sink += batch->count;
    weir_sink_complete(batch);
}

static void close_sink(void *sink)
{
    printf("closed after %u\n", *(unsigned *)sink);
}

static enum weir_status add(struct weir_outbox *outbox, int i, struct weir_error *err)
{
    char payload[16];
    struct weir_message message = WEIR_MESSAGE_INIT;
    snprintf(payload, sizeof(payload), "%d", i);
    message.key = TEXT("customer-1");
    message.type = TEXT("Counted");
    message.payload = TEXT(payload);
    return weir_outbox_add(outbox, &message, NULL, err);
}

static enum weir_status work(struct weir_client *client, struct weir_outbox *outbox, struct weir_error *err)
{
    unsigned count = 0;
    struct weir_relay *relay = NULL;
    struct weir_relay_options options = WEIR_RELAY_OPTIONS_INIT;
    struct weir_relay_status figures;
    struct weir_sink_driver driver = {.struct_size = sizeof(driver), .name = "test", .submit = submit,
                                      .close = close_sink, .sink = &count};
    enum weir_status status = WEIR_OK;
    for (int i = 0; status == WEIR_OK && i < 3; i++) {
        status = add(outbox, i, err);
    }
    options.once = 1;
    if (status == WEIR_OK) {
        status = weir_relay_open_driver(client, &options, &driver, &relay, err);
    }
    if (status == WEIR_OK) {
        status = weir_relay_run(relay, err);
        weir_relay_read_status(relay, &figures);
        printf("marked %d\n", (int)figures.marked);
    }
    weir_relay_close(relay);
    return status;
}

int main(int argc, char **argv)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_outbox *outbox = NULL;
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    options.endpoint_url = argc > 1 ? argv[1] : "memory:";
    enum weir_status status = weir_engine_register(&err);
    if (status == WEIR_OK) {
        status = weir_client_open(&options, &client, &err);
    }
    if (status == WEIR_OK) {
        status = weir_outbox_open(client, NULL, &outbox, &err);
    }
    if (status == WEIR_OK) {
        status = work(client, outbox, &err);
    }
    if (status != WEIR_OK) {
        printf("%s: %s\n", weir_status_name(status), err.message);
    }
    weir_outbox_close(outbox);
    weir_client_close(client);
    return status != WEIR_OK;
}
"""

RELAYED = "customer-1 0\ncustomer-1 1\ncustomer-1 2\nmarked 3\nclosed after 3\n"


@pytest.fixture
def application(installed, tmp_path):
    """application(text) compiles a C program and gives what runs it: (exit code, output)."""
    env = support.installed_environment(installed)

    def make(text):
        source, program = tmp_path / "application.c", tmp_path / "application"
        source.write_text(text)
        done = support.compile_installed(source, program, env)
        assert done.returncode == 0, done.stderr

        def run(*words):
            done = subprocess.run([str(program), *words], env=env, cwd=tmp_path, capture_output=True, text=True,
                                  timeout=60)
            assert done.stderr == ""
            return done.returncode, done.stdout
        run.loads = subprocess.check_output(["ldd", str(program)], env=env, text=True)
        return run
    return make


def test_an_application_of_libweir_alone_talks_to_a_server(application, shared):
    run = application(ONLY_CLIENT)
    assert not re.search("rocksdb|hiredis|microhttpd|weir-engine|weir-relay|yaml", run.loads), run.loads
    assert run(shared.endpoint) == (0, '{"TableNames":[]}\n')


def test_libweir_alone_says_what_memory_needs(application):
    code, said = application(ONLY_CLIENT)()
    assert code == 1
    assert said.startswith("CONFIG: ") and "libweir-engine" in said, said


@pytest.mark.parametrize("endpoint", ["memory:", "file:data", "http"])
def test_an_application_of_all_three_relays_in_its_process(application, serve, endpoint):
    run = application(ALL_THREE)
    if endpoint == "http":
        endpoint = serve(memory=True).endpoint
    assert run(endpoint) == (0, RELAYED)
    if endpoint == "file:data":  # opened again: nothing is left to tell
        assert run(endpoint)[1].startswith("customer-1 0\n")


UNLOADED = """
import _ctypes, ctypes
engine = ctypes.CDLL("libweir-engine.so.0")
assert engine.weir_engine_register(None) == 0
libweir = ctypes.CDLL("libweir.so.0")
_ctypes.dlclose(engine._handle)

class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("times", ctypes.c_uint32 * 3), ("url", ctypes.c_char_p)]

client = ctypes.c_void_p()
assert libweir.weir_client_open(ctypes.byref(Options(24, (0, 0, 0), b"memory:")), ctypes.byref(client), None) == 0
libweir.weir_client_close(client)
"""


def test_an_engine_that_is_unloaded_goes_on_working(installed, tmp_path):
    """libweir keeps pointers to what the engine registered."""
    subprocess.run(["/usr/bin/python3", "-c", UNLOADED], env=support.installed_environment(installed),
                   cwd=tmp_path, check=True, timeout=60)
