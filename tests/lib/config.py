# SPDX-License-Identifier: BSD-2-Clause
"""Configuration files for the tests: Python dicts as libconfig text, and the lab's three tasks."""


def quote(text):
    """A libconfig string."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    )
    return f'"{escaped}"'


def render(value):
    """A dict becomes a group, a list of dicts a list, any other list an array, the rest a
    scalar."""
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {render(v)};" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        items = ", ".join(render(item) for item in value)
        return f"( {items} )" if value and isinstance(value[0], dict) else f"[ {items} ]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    return repr(value)


def text(config):
    """The whole file."""
    return "".join(f"{key}: {render(value)};\n" for key, value in config.items())


def cluster(bootstrap=None, **more):
    """The cluster part: the embedded broker, or one at `bootstrap`."""
    return {"cluster": {"bootstrap": bootstrap or "embedded", **more}}


def topic(name, partitions=1, **more):
    return {"name": name, "partitions": partitions, **more}


def producer(name, topic_name, value="%{seq}", **more):
    return {"name": name, "topic": topic_name, "value": value, **more}


def group(name, topics, consumers=1, **more):
    topics = [topics] if isinstance(topics, str) else topics
    return {"name": name, "topics": topics, "consumers": consumers, **more}


def build(topics=(), producers=(), groups=(), bootstrap=None, **more):
    """A configuration from its parts; empty parts are left out."""
    parts = {"topics": list(topics), "producers": list(producers), "groups": list(groups)}
    return {**cluster(bootstrap), **{k: v for k, v in parts.items() if v}, **more}
