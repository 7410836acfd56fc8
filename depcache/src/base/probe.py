"""Describes the interpreter that runs it, as JSON on standard output. Runs isolated and without secrets."""
import importlib.metadata, importlib.util, json, os, platform, re, subprocess, sys, sysconfig


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def full_version(info):
    text = "%d.%d.%d" % info[:3]
    return text if info.releaselevel == "final" else text + info.releaselevel[0] + str(info.serial)


def glibc():
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        major, minor = version.split(".")[:2]
        return [int(major), int(minor)] if name == "glibc" else None
    except (AttributeError, OSError, ValueError):
        return None


def musl():
    import glob
    for loader in glob.glob("/lib/ld-musl-*.so.1"):
        said = subprocess.run([loader], capture_output=True, text=True, timeout=10).stderr
        found = re.search(r"Version (\d+)\.(\d+)", said)
        if found:
            return [int(found[1]), int(found[2])]
    return None


def distributions():
    found = {}
    for dist in importlib.metadata.distributions():
        name = dist.metadata["Name"]
        path = getattr(dist, "_path", None)
        if not name or path is None or normalised(name) in found:
            continue
        found[normalised(name)] = {
            "name": normalised(name),
            "version": dist.version,
            "site_dir": os.path.dirname(str(path)),
            "requires": list(dist.requires or []),
            "extras": sorted({normalised(extra) for extra in dist.metadata.get_all("Provides-Extra") or []}),
        }
    return [found[name] for name in sorted(found)]


dists = distributions()
holders = {dist["site_dir"] for dist in dists} | {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
libc = glibc()
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": full_version(sys.version_info),
    "python": list(sys.version_info[:2]),
    "abi_flags": getattr(sys, "abiflags", ""),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "magic": int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little"),
    "prefix": sys.prefix,
    "executable": sys.executable,
    "platform": re.sub(r"[-.]", "_", sysconfig.get_platform()),
    "glibc": libc,
    "musl": None if libc else musl(),
    "site_dirs": [place for place in sys.path if place in holders and os.path.isdir(place)],
    "distributions": dists,
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full_version(sys.implementation.version),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
}))
