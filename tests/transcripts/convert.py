#!/usr/bin/env python3
"""Turn recordings in the long format (one JSON file a scenario) into this folder's form.

    python3 convert.py FOLDER_OF_RECORDINGS

writes one `FAMILY.jsonl` per family beside this script; README.md describes the result. Needs
nothing but Python's standard library. Every packet is read back from what was written and
compared with the recorded bytes, so a file that could not be restored is never written.
"""

import hashlib
import json
import pathlib
import re
import sys

PLACEHOLDER = re.compile(r"(\{\{[a-z_]+\}\})")

# The least number of bytes that is worth writing as a run.
RUN = 24


def main(source):
    families = {}
    for path in sorted(source.glob("*.json")):
        if path.name == "index.json":
            continue
        scenario = json.loads(path.read_text(encoding="utf-8"))
        families.setdefault(scenario["family"], []).extend(lines_of(scenario))
    for family, lines in sorted(families.items()):
        text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
        (pathlib.Path(__file__).parent / f"{family}.jsonl").write_text(text, encoding="utf-8")
        print(f"{family}: {len(text)} bytes")


def lines_of(scenario):
    head = {name: scenario[name] for name in ("id", "title", "covers", "protocol", "setup")}
    if scenario.get("notes"):
        head["notes"] = scenario["notes"]
    if "placeholders" in scenario:
        head["placeholders"] = scenario["placeholders"]
    yield head
    for step in scenario["steps"]:
        yield compact_step(step)
    for record in scenario["stored"]:
        yield {"stored": compact_record(record)}


def compact_step(step):
    step = dict(step)
    step.pop("observed_order", None)
    if step.get("order") == "exact":
        del step["order"]
    if "send" in step:
        step["send"] = compact_packet(step["send"])
    for name in ("send_together", "receive"):
        if name in step:
            step[name] = [compact_packet(packet) for packet in step[name]]
    for name in ("send_repeated", "then_repeated"):
        if name in step:
            step[name] = {"count": step[name]["count"], "packet": compact_packet(step[name]["packet"])}
    result = step.get("control_result")
    if result and parsed(result.get("reply_text")) == result.get("reply"):
        step["control_result"] = {name: value for name, value in result.items() if name != "reply_text"}
    return step


def compact_record(record):
    value = record.get("value")
    if isinstance(value, str) and len(value) >= RUN and value == value[0] * len(value):
        return {**record, "value": {"repeat": value[0], "count": len(value)}}
    return record


def parsed(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def compact_packet(packet):
    if "hex" in packet:
        recorded = packet["hex"]
    elif "hex_head" in packet:
        recorded = restored(packet).hex()
    else:
        return packet
    written = notation(recorded, texts_of(packet))
    assert hex_of(written) == recorded, (packet, written)
    return written


def restored(packet):
    """The bytes of a packet that was too long to be spelled out in the recording."""
    if "payload_parts" in packet:
        parts = packet["payload_parts"]
        payload = b"".join((part.get("text") or part["repeat"] * part["count"]).encode() for part in parts)
    else:
        package = packet["payload_package"]
        indices = range(package["offset"], package["offset"] + package["length"])
        payload = bytes((31 * index + 7) % 256 for index in indices)
    head_length = packet["length"] - packet["payload_length"]
    whole = bytes.fromhex(packet["hex_head"])[:head_length] + payload
    assert hashlib.sha256(whole).hexdigest() == packet["sha256"], packet
    return whole


def texts_of(packet):
    """The strings inside a packet, in the order of the wire."""
    will = packet.get("will") or {}
    candidates = [packet.get("protocol_name"), packet.get("topic")]
    candidates += [each["filter"] if isinstance(each, dict) else each for each in packet.get("filters", [])]
    candidates += [packet.get("client_id"), will.get("topic"), (will.get("payload") or {}).get("text")]
    candidates += [packet.get("username"), packet.get("password"), (packet.get("payload") or {}).get("text")]
    return [text for text in candidates if isinstance(text, str) and text]


def notation(hex_text, texts):
    """Text stands for itself, other bytes stand in hexadecimal digits between < and >."""
    pieces = [piece for text in texts for piece in PLACEHOLDER.split(text)]
    pieces = [piece.encode() for piece in pieces if piece and not PLACEHOLDER.fullmatch(piece)]
    written = ""
    for part in PLACEHOLDER.split(hex_text):
        if PLACEHOLDER.fullmatch(part):
            written += part
            continue
        rest = bytes.fromhex(part)
        while pieces and (at := rest.find(pieces[0])) >= 0:
            written += in_hex(rest[:at]) + in_text(pieces[0])
            rest = rest[at + len(pieces[0]) :]
            pieces.pop(0)
        written += in_hex(rest)
    return written.replace("><", " ")


def in_hex(data):
    """Hexadecimal digits; a long run of bytes with one step between them as first+step*count."""
    pieces, written, at = [], 0, 0
    while at < len(data):
        step, end = run_from(data, at)
        if end - at >= RUN:
            pieces += [data[written:at].hex(), f"{data[at]:02x}+{step:02x}*{end - at}"]
            written = at = end
        else:
            # The last byte of this run may be the first of the next.
            at = max(end - 1, at + 1)
    pieces.append(data[written:].hex())
    inside = " ".join(piece for piece in pieces if piece)
    return f"<{inside}>" if inside else ""


def run_from(data, start):
    """The step from each byte to the next, and where it stops being the same."""
    step = (data[start + 1] - data[start]) % 256 if start + 1 < len(data) else 0
    end = start + 1
    while end < len(data) and (data[end] - data[end - 1]) % 256 == step:
        end += 1
    return step, end


def in_text(data):
    text = data.decode()
    written, plain = "", 0
    for found in re.finditer(r"(.)\1{%d,}|<|[^ -\U0010ffff]|\x7f" % (RUN - 1), text):
        written += text[plain : found.start()] + in_hex(found.group().encode())
        plain = found.end()
    return written + text[plain:]


def hex_of(written):
    result = ""
    for part in re.split(r"(<[0-9a-f+* ]+>|\{\{[a-z_]+\}\})", written):
        if part.startswith("<"):
            result += "".join(hex_of_run(run) for run in part[1:-1].split(" "))
        elif PLACEHOLDER.fullmatch(part):
            result += part
        else:
            result += part.encode().hex()
    return result


def hex_of_run(run):
    if "*" not in run:
        return run
    first, step, count = re.fullmatch(r"(..)\+(..)\*(\d+)", run).groups()
    values = ((int(first, 16) + int(step, 16) * index) % 256 for index in range(int(count)))
    return bytes(values).hex()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
