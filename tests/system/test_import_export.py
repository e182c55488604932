# SPDX-License-Identifier: Apache-2.0
"""weir import and export: formats, what is wrong in them, progress, stops, and large tables."""
import base64
import contextlib
import http.server
import json
import os
import re
import resource
import signal
import subprocess
import threading

import pytest

import support
import terminal


def weir_on(endpoint, cwd):
    return lambda *words, **more: support.weir(*words, "--endpoint-url", endpoint, cwd=cwd, **more)


@pytest.fixture
def on_shared(shared, tmp_path):
    return weir_on(shared.endpoint, tmp_path)


@pytest.fixture(params=["http", "file"])
def run(request, shared, tmp_path):
    endpoint = shared.endpoint if request.param == "http" else "file:%s" % (tmp_path / "data")
    return weir_on(endpoint, tmp_path)


NAMES = iter(range(10 ** 6))


def table(run, *keys):
    name = "table-%d" % next(NAMES)
    good(run("table", "create", name, *(keys or ("--key", "pk:S", "--sort", "sk:N"))))
    return name


def good(done):
    assert done.returncode == 0, done
    return done.stdout.decode()


def lines_of(run, name):
    return sorted(good(run("export", name, "-q")).splitlines())


def some_items(count):
    chance = support.chance("import and export")
    for n in range(count):
        item = {"pk": "key-%d" % (n % 50), "sk": n, "text": 'a "text", %d\r\né' % n, "empty": "",
                "n": n + 0.25, "big": int("9" * chance.randrange(1, 38)), "ok": n % 2 == 0,
                "none": None, "list": [1, "a", {"b": [None]}], "map": {"$map": {"$set": ["a"]}},
                "bin": {"$binary": base64.b64encode(bytes([n % 256, 1])).decode()},
                "ss": {"$set": ["a", "b%d" % n]}, "ns": {"$set": [1, n + 2]},
                "bs": {"$set": [{"$binary": "AA=="}]}}
        for name in chance.sample(sorted(item)[:], 3):
            if name not in ("pk", "sk"):
                del item[name]
        yield item


TYPES = ("n:N,big:N,ok:BOOL,none:NULL,list:L,map:M,bin:B,ss:SS,ns:NS,bs:BS")


def filled(run, count=300):
    name = table(run)
    lines = "".join(json.dumps(item) + "\n" for item in some_items(count))
    good(run("import", name, "-", stdin=lines.encode()))
    return name


# ---- formats ----


@pytest.mark.parametrize("format, more", [("jsonl", []), ("ddb-json", []),
                                          ("csv", ["--types", TYPES])])
def test_what_is_exported_is_imported_again(run, tmp_path, format, more):
    name, copy = filled(run), table(run)
    done = run("export", name, "items.out", "--format", format)
    assert good(done) == "" and b"weir: exported 300 items, " in done.stderr
    done = run("import", copy, "items.out", "--format", format, *more)
    assert good(done) == "" and b"weir: imported 300 items in " in done.stderr
    assert lines_of(run, copy) == lines_of(run, name)
    assert len(lines_of(run, name)) == 300
    assert not (tmp_path / "items.out.part").exists()


@pytest.mark.parametrize("format", ["jsonl", "ddb-json", "csv"])
def test_export_pipes_into_import(run, format):
    name, copy = filled(run, 60), table(run)
    text = good(run("export", name, "-", "-f", format)).encode()
    more = ["--types", TYPES] if format == "csv" else []
    good(run("import", copy, "-", "-f", format, *more, stdin=text))
    assert lines_of(run, copy) == lines_of(run, name)


def test_the_end_of_the_files_name_tells_csv(on_shared, tmp_path):
    name, copy = filled(on_shared, 10), table(on_shared)
    good(on_shared("export", name, "items.csv"))
    assert (tmp_path / "items.csv").read_text().startswith("pk,sk,")
    good(on_shared("import", copy, "items.csv", "--types", TYPES))
    assert lines_of(on_shared, copy) == lines_of(on_shared, name)


def test_lines_of_dynamodb_json_with_and_without_item(on_shared):
    name = table(on_shared)
    text = ('{"Item":{"pk":{"S":"a"},"sk":{"N":"1"},"x":{"SS":["p"]}}}\n'
            '{"pk":{"S":"b"},"sk":{"N":"2"},"Item":{"M":{"M":{"N":"1"}}}}\n')
    good(on_shared("import", name, "-", "--format", "ddb-json", stdin=text.encode()))
    assert lines_of(on_shared, name) == ['{"Item":{"M":1},"pk":"b","sk":2}',
                                         '{"pk":"a","sk":1,"x":{"$set":["p"]}}']


def test_an_item_whose_key_is_named_item(on_shared):
    name = table(on_shared, "--key", "Item:S")
    good(on_shared("import", name, "-", "-f", "ddb-json", stdin=b'{"Item":{"S":"x"}}'))
    assert lines_of(on_shared, name) == ['{"Item":"x"}']


def test_csv_is_text_unless_told_otherwise(on_shared):
    text = b'pk,sk,n,t,e,q\r\na,1,12,true,,""\r\n"b,c",2.50,,"[1]",x,\r\n'
    for more, expected in [
            ([], ['{"e":"x","pk":"b,c","sk":2.5,"t":"[1]"}',
                  '{"n":"12","pk":"a","q":"","sk":1,"t":"true"}']),
            (["--infer"], ['{"e":"x","pk":"b,c","sk":2.5,"t":[1]}',
                           '{"n":12,"pk":"a","q":"","sk":1,"t":true}']),
            (["--types", "n:N"], ['{"e":"x","pk":"b,c","sk":2.5,"t":"[1]"}',
                                  '{"n":12,"pk":"a","q":"","sk":1,"t":"true"}'])]:
        name = table(on_shared)
        good(on_shared("import", name, "-", "-f", "csv", *more, stdin=text))
        assert lines_of(on_shared, name) == expected


def test_csv_columns_may_be_chosen(on_shared):
    name = table(on_shared)
    good(on_shared("import", name, "-", stdin=b'{"pk":"a","sk":1,"x":"1,2","y":"","z":3}'))
    done = on_shared("export", name, "-", "-f", "csv", "--columns", "z,x,none,y")
    assert good(done) == 'z,x,none,y\n3,"1,2",,""\n'
    done = on_shared("export", name, "-", "-f", "csv")
    assert good(done) == 'pk,sk,x,y,z\na,1,"1,2","",3\n'
    assert b"to read it back: weir import --types 'z:N'" in done.stderr
    good(on_shared("import", name, "-", stdin=b'{"pk":"b","sk":1,"z":"text"}'))
    done = on_shared("export", name, "-", "-f", "csv")
    assert b"the attribute z has values of several types" in done.stderr


# ---- what is wrong ----


@pytest.mark.parametrize("format, text, line, message", [
    ("jsonl", '{"pk":"a","sk":1}\n{"pk":}\n', 2, "no JSON value at byte 7"),
    ("jsonl", '\n\n{"pk":"a"}\n', 3, 'the key attribute "sk" is missing'),
    ("jsonl", '{"Item":{"pk":{"S":"a"}}}', 1, "is this DynamoDB JSON? then say --format ddb-json"),
    ("jsonl", '{"pk":{"S":"a"},"sk":{"N":"1"}}', 1, "is this DynamoDB JSON?"),
    ("jsonl", '{"pk":"a","sk":1,"x":{"$set":[1,"a"]}}', 1, '"$set" wants only strings'),
    ("ddb-json", '{"pk":"a","sk":1}', 1, "Unexpected value type in payload"),
    ("ddb-json", '{"Item":{"pk":{"S":"a"},"sk":{"N":"x"}}}', 1, "numeric value: x"),
    ("csv", "pk,sk\na,1\nb,2,3\n", 3, "3 fields where the header has 2"),
    ("csv", 'pk,sk\n"a\nb",1\nc,x\n', 4, "column sk, type N: "),
    ("csv", 'pk,sk\na,1\n"b"c,2\n', 3, "text behind a field's closing quote"),
    ("csv", "pk,sk\n,1\n", 2, 'the key attribute "pk" is missing'),
    ("csv", 'pk,sk\n"",1\n', 2, 'the key attribute "pk" is empty'),
], ids=lambda value: value[:24] if isinstance(value, str) else "")
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["", "dry"])
def test_a_wrong_line_is_named_and_ends_it(on_shared, tmp_path, format, text, line, message, dry):
    name = table(on_shared)
    (tmp_path / "items").write_text(text, newline="")
    done = on_shared("import", name, "items", "--format", format, *dry)
    assert done.returncode == 65, done
    assert re.match(r"weir: items:%d: .*%s" % (line, re.escape(message)), done.stderr.decode())
    assert "1 bad; stopped at items:%d\n" % line in done.stderr.decode()


def test_wrong_lines_are_skipped_where_asked_and_counted(run):
    name = table(run)
    text = "".join('{"pk":"a","sk":%d}\n' % n if n % 3 else "{no %d\n" % n for n in range(30))
    done = run("import", name, "-", "--on-error", "skip", stdin=text.encode())
    assert done.returncode == 1
    errors = done.stderr.decode().splitlines()
    assert [int(line.split(":")[2]) for line in errors[:-1]] == list(range(1, 31, 3))
    assert errors[-1].startswith("weir: imported 20 items in ") and "10 bad" in errors[-1]
    assert len(lines_of(run, name)) == 20
    figures = json.loads(run("import", name, "-", "--on-error", "skip", "-o", "json",
                             stdin=text.encode()).stderr.splitlines()[-1])
    assert (figures["read"], figures["written"], figures["bad"], figures["stopped"]) == (
        30, 20, 10, False)


def test_a_line_without_end_is_refused_and_the_next_one_is_read(on_shared, tmp_path):
    name = table(on_shared)
    with open(tmp_path / "items", "wb") as file:
        file.write(b'{"pk":"a","sk":1}\n{"pk":"' + b"x" * (17 << 20) + b'"}\n{"pk":"a","sk":3}')
    done = on_shared("import", name, "items", "--on-error", "skip")
    assert done.returncode == 1
    assert b"weir: items:2: the line is longer than 16777216 bytes\n" in done.stderr
    assert lines_of(on_shared, name) == ['{"pk":"a","sk":1}', '{"pk":"a","sk":3}']


def test_what_the_service_refuses_is_skipped_alone(on_shared):
    name = table(on_shared, "--key", "pk:S", "--index", "by-n=n:N")
    text = "".join(json.dumps({"pk": "k%d" % n, "n": "text" if n in (7, 40) else n}) + "\n"
                   for n in range(60))
    done = on_shared("import", name, "-", "--on-error", "skip", stdin=text.encode())
    assert done.returncode == 1
    assert sorted(re.findall(r"^weir: stdin:(\d+): ", done.stderr.decode(), re.M)) == ["41", "8"]
    assert len(lines_of(on_shared, name)) == 58


@pytest.mark.parametrize("words, stdin, code, text", [
    (["import", "T"], b"", 64, "a table and a file"),
    (["import", "T", "missing.jsonl"], b"", 64, "missing.jsonl: No such file or directory"),
    (["import", "nothing", "-"], b"", 3, "nothing"),
    (["import", "T", "-", "--format", "xml"], b"", 64, "xml"),
    (["import", "T", "-", "--on-error", "ask"], b"", 64, "ask"),
    (["import", "T", "-", "--types", "n:N"], b"", 64, "--types and --infer are for --format csv"),
    (["import", "T", "-", "-f", "csv"], b"", 65, "stdin has no header"),
    (["import", "T", "-", "-f", "csv"], b"pk,x\n", 65, "the header has no column for the key sk"),
    (["import", "T", "-", "-f", "csv"], b"pk,sk,\n", 65, "the header's name 3 is empty"),
    (["import", "T", "-", "-f", "csv"], b"pk,sk,pk\n", 65, "the header's name 3 is there twice"),
    (["import", "T", "-", "-f", "csv", "--types", "x:N"], b"pk,sk\n", 64, 'no column "x"'),
    (["import", "T", "-", "-f", "csv", "--types", "sk"], b"pk,sk\n", 64, '"sk" is no NAME:TYPE'),
    (["import", "T", "-", "-f", "csv", "--types", "sk:X"], b"pk,sk\n", 64, "is no NAME:TYPE"),
    (["export"], b"", 64, "TABLE is missing"),
    (["export", "nothing"], b"", 3, "nothing"),
    (["export", "T", "-", "--segments", "0"], b"", 64, "--segments"),
    (["export", "T", "-", "--columns", "a"], b"", 64, "--columns is for --format csv"),
    (["export", "T", "-", "-f", "csv", "--columns", "a,,b"], b"", 64, "--columns"),
    (["export", "T", "-", "-f", "csv", "--columns", "a,a"], b"", 64, "there twice"),
    (["export", "T", "out.csv", "--columns", ""], b"", 64, '--columns is ""'),
    (["export", "T", "no/such/folder"], b"", 1, "no/such/folder.part cannot be opened"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_use_is_refused(on_shared, words, stdin, code, text):
    name = table(on_shared)
    done = on_shared(*(name if word == "T" else word for word in words), stdin=stdin)
    assert done.returncode == code, done
    assert done.stdout == b""
    assert text in done.stderr.decode()


def test_a_dry_run_writes_nothing(run):
    name = table(run)
    done = run("import", name, "-", "--dry-run", stdin=b'{"pk":"a","sk":1}\n{"pk":"a","sk":2}\n')
    assert good(done) == ""
    assert done.stderr.decode() == "weir: 2 items good for table %s; nothing was written\n" % name
    assert lines_of(run, name) == []


def test_an_empty_file_and_an_empty_table(run, tmp_path):
    name = table(run)
    (tmp_path / "empty").write_bytes(b"")
    assert b"imported 0 items" in run("import", name, "empty").stderr
    for format, text in (("jsonl", ""), ("ddb-json", ""), ("csv", "pk,sk\n")):
        assert good(run("export", name, "out", "-f", format)) == ""
        assert (tmp_path / "out").read_text() == text


def test_of_lines_with_one_key_the_last_one_wins(run):
    name = table(run, "--key", "pk:S")
    text = "".join('{"pk":"k%d","n":%d}\n' % (n % 3, n) for n in range(1000))
    done = run("import", name, "-", stdin=text.encode())
    assert b"imported 1,000 items" in done.stderr
    assert lines_of(run, name) == ['{"n":%d,"pk":"k%d"}' % (n, n % 3) for n in (997, 998, 999)]


# ---- disks, signals, terminals ----


@pytest.mark.parametrize("path", ["/dev/full", "-"])
@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_full_device_fails_the_export(shared, on_shared, tmp_path, path, format):
    name = filled(on_shared, 20)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([support.PROGRAM, "export", name, path, "-f", format,
                               "--endpoint-url", shared.endpoint], stdout=full,
                              stderr=subprocess.PIPE, env=support.environment(), timeout=60)
    assert done.returncode == 1
    assert b"cannot be written: No space left on device" in done.stderr


def test_a_full_disk_leaves_no_file_that_looks_whole(shared, on_shared, tmp_path):
    name = filled(on_shared, 300)
    (tmp_path / "out").write_text("the export of yesterday")
    done = subprocess.run(
        [support.PROGRAM, "export", name, "out", "--endpoint-url", shared.endpoint],
        capture_output=True, env=support.environment(), timeout=60, cwd=tmp_path,
        preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))))
    assert done.returncode == 1
    assert b"out.part cannot be written: File too large" in done.stderr
    assert b"the export is not complete; what there is: out.part" in done.stderr
    assert (tmp_path / "out").read_text() == "the export of yesterday"


def test_ctrl_c_ends_an_import_cleanly_and_says_how_far_it_came(shared, on_shared):
    name = table(on_shared)
    child = subprocess.Popen([support.PROGRAM, "import", name, "-", "--endpoint-url",
                              shared.endpoint], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=support.environment())
    child.stdin.write(b"".join(b'{"pk":"a","sk":%d}\n' % n for n in range(1000)))
    child.stdin.flush()
    support.wait_until(lambda: good(on_shared("item", "scan", name, "-c")) != "0\n", "some items")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 1
    said = child.stderr.read().decode()
    child.stdin.close()
    child.stderr.close()
    count, line = re.fullmatch(r"weir: imported ([\d,]+) items in .* s; stopped at stdin:(\d+)\n",
                               said).groups()
    written = int(good(on_shared("item", "scan", name, "-c")))
    assert int(count.replace(",", "")) == written == int(line) > 0


def test_ctrl_c_ends_an_export_cleanly(shared, on_shared, tmp_path):
    name = filled(on_shared, 200)
    os.mkfifo(tmp_path / "fifo")
    child = subprocess.Popen([support.PROGRAM, "export", name, "fifo", "--endpoint-url",
                              shared.endpoint], stderr=subprocess.PIPE, cwd=tmp_path,
                             env=support.environment())
    reader = os.open(tmp_path / "fifo", os.O_RDONLY)
    assert os.read(reader, 10)
    child.send_signal(signal.SIGTERM)
    while os.read(reader, 65536):
        pass
    os.close(reader)
    code = child.wait(30)
    said = child.stderr.read().decode()
    child.stderr.close()
    assert "weir: exported " in said
    assert (code == 0) == ("the export is not complete" not in said)


@pytest.mark.parametrize("option, shown", [([], True), (["--no-progress"], False), (["-q"], False)])
def test_progress_is_for_a_terminal_alone(shared, on_shared, tmp_path, option, shown):
    name = table(on_shared)
    with open(tmp_path / "items.jsonl", "w") as file:
        for n in range(2000):
            file.write('{"pk":"k%d","sk":%d}\n' % (n, n))
    for words, verb in ((["import", name, "items.jsonl"], b"importing"),
                        (["export", name, "out.jsonl"], b"exporting"),
                        (["table", "truncate", name, "--yes"], b"deleting")):
        window = terminal.Terminal([support.PROGRAM, *words, *option, "--endpoint-url",
                                    shared.endpoint], cwd=tmp_path)
        assert window.end() == 0, window.shown
        assert (b"\r\x1b[K" + verb + b"  " in window.shown) == shown, window.shown
        if shown:
            assert re.search(verb + rb"  \[[=> ]{20}\] +\d+%  [\d,]+ items?", window.shown)
            assert window.shown.rindex(b"\r\x1b[K") < window.shown.index(b"weir: ")
    for words in (["import", name, "items.jsonl"], ["export", name, "out.jsonl"]):
        assert b"\x1b" not in on_shared(*words).stderr
    for words in (["item", "scan", name], ["item", "scan", name, "--count"]):  # of unknown length
        window = terminal.Terminal([support.PROGRAM, *words, *option, "--endpoint-url",
                                    shared.endpoint], cwd=tmp_path)
        assert window.end() == 0, window.shown
        assert (b"\r\x1b[Kreading  " in window.shown) == shown, window.shown
        assert b"\x1b" not in on_shared(*words).stderr


# ---- much ----


def test_100000_items_go_from_table_to_table(on_shared, tmp_path):
    name, copy = table(on_shared), table(on_shared)
    with open(tmp_path / "items.jsonl", "w") as file:
        for n in range(100000):
            file.write('{"n":%d.5,"pk":"k%d","sk":%d,"t":"text %d"}\n' % (n, n % 997, n, n))
    good(on_shared("import", name, "items.jsonl"))
    good(on_shared("export", name, "one.jsonl"))
    good(on_shared("import", copy, "one.jsonl"))
    good(on_shared("export", copy, "two.jsonl", "--segments", "7"))
    texts = [sorted((tmp_path / path).read_text().splitlines())
             for path in ("items.jsonl", "one.jsonl", "two.jsonl")]
    assert len(texts[0]) == 100000
    assert texts[0] == texts[1] == texts[2]


def test_memory_is_bounded(shared, on_shared, tmp_path):
    """256 MB of items, in lines of 200 KB, within less than their size."""
    name = table(on_shared)
    with open(tmp_path / "items.jsonl", "w") as file:
        for n in range(1280):
            file.write('{"pk":"k","sk":%d,"x":"%s"}\n' % (n, "x" * 200000))
    for words in (["import", name, "items.jsonl"], ["export", name, "out.jsonl"]):
        child = subprocess.Popen([support.PROGRAM, *words, "-q", "--endpoint-url",
                                  shared.endpoint], cwd=tmp_path, env=support.environment())
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        assert usage.ru_maxrss < 192 * 1024, words
    assert (tmp_path / "out.jsonl").stat().st_size == (tmp_path / "items.jsonl").stat().st_size


def test_a_column_that_no_item_has_is_named(on_shared, tmp_path):
    name = table(on_shared)
    good(on_shared("item", "put", name, '{"pk":"a","sk":1}'))
    done = on_shared("export", name, "out.csv", "--columns", "pk,skk", "-q")
    assert done.returncode == 0
    assert done.stderr == b"weir: column skk is empty: no item has that attribute\n"


def test_an_export_that_did_not_begin_leaves_no_file(on_shared, tmp_path):
    name = table(on_shared)
    assert on_shared("export", name, "out.csv", "--columns", "a,,b").returncode == 64
    assert [path.name for path in tmp_path.glob("out*")] == []


def test_what_is_wrong_is_json_where_asked(on_shared):
    name = table(on_shared)
    done = on_shared("import", name, "-", "-o", "json", "--on-error", "skip",
                     stdin=b'{"pk":"a","sk":1}\n{"pk":"a"}\n[]\n')
    assert done.returncode == 1
    first, second, summary = map(json.loads, done.stderr.decode().splitlines())
    assert first["error"]["message"] == 'stdin:2: the key attribute "sk" is missing'
    assert second["error"]["message"].startswith("stdin:3: ")
    assert (summary["written"], summary["bad"]) == (1, 2)


def test_standard_input_is_named_when_it_is_a_folder(on_shared, shared):
    name = table(on_shared)
    done = subprocess.run([support.PROGRAM, "import", name, "-", "--endpoint-url", shared.endpoint],
                          stdin=os.open("/", os.O_RDONLY), capture_output=True, timeout=60,
                          env=support.environment())
    assert (done.returncode, done.stderr) == (64, b"weir: stdin is a folder\n")


# ---- a service that fails ----


class Unwilling(http.server.BaseHTTPRequestHandler):
    """A table that takes of each batch what `willing` says, and keeps it."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-Amz-Target"].endswith("DescribeTable"):
            answer = {"Table": {
                "TableName": "unwilling", "TableStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}}
        else:
            writes = request["RequestItems"]["unwilling"]
            taken = [write for write in writes if self.server.willing(write, writes)]
            self.server.kept += taken
            left = [write for write in writes if write not in taken]
            answer = {"UnprocessedItems": {"unwilling": left} if left else {}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def unwilling():
    """unwilling(rule): (run, what it kept)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unwilling)
    server.kept = []
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def start(rule):
        server.willing = rule
        return weir_on("http://127.0.0.1:%d" % server.server_port, None), server.kept

    yield start
    server.shutdown()
    server.server_close()


def key_of(write):
    return write["PutRequest"]["Item"]["pk"]["S"]


SIXTY = "".join('{"pk":"k%d"}\n' % n for n in range(60)).encode()


def test_what_is_left_unprocessed_is_written_again(unwilling):
    run, kept = unwilling(lambda write, writes: write in writes[:(len(writes) + 1) // 2])
    done = run("item", "batch-write", "unwilling", stdin=SIXTY)
    assert good(done) == "" and b"wrote 60 items" in done.stderr
    assert sorted(map(key_of, kept)) == sorted("k%d" % n for n in range(60))


@pytest.mark.parametrize("words", [["item", "batch-write", "unwilling"],
                                   ["import", "unwilling", "-"]])
def test_what_stays_unprocessed_is_named(unwilling, words):
    run, kept = unwilling(lambda write, writes: key_of(write) not in ("k3", "k44"))
    done = run(*words, stdin=SIXTY)
    assert done.returncode == 1
    said = done.stderr.decode()
    assert sorted(re.findall(r"weir: stdin:(\d+): left unprocessed by the service", said)) == [
        "4", "45"]
    assert re.search(r" 58 items in .*; 2 left unprocessed\n", said)
    assert len(kept) == 58


def test_a_server_that_goes_away_ends_it_with_all_counted(keep, tmp_path):
    server = keep(support.Serve(tmp_path, memory=True))
    run = weir_on(server.endpoint, tmp_path)
    name = table(run)
    child = subprocess.Popen([support.PROGRAM, "import", name, "-", "-o", "json", "--endpoint-url",
                              server.endpoint], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=support.environment(AWS_MAX_ATTEMPTS="1"))
    child.stdin.write(b"".join(b'{"pk":"a","sk":%d}\n' % n for n in range(1000)))
    child.stdin.flush()
    support.wait_until(lambda: good(run("item", "scan", name, "-c")) != "0\n", "some items")
    server.kill()
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(b"".join(b'{"pk":"b","sk":%d}\n' % n for n in range(1000)))
        child.stdin.close()
    assert child.wait(60) == 69
    figures, error = map(json.loads, child.stderr.read().splitlines())
    child.stderr.close()
    assert figures["stopped"] and 0 < figures["written"] < figures["read"]
    assert error["error"]["code"] in ("UNREACHABLE", "TIMEOUT")
