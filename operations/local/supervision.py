"""supervisord's configuration: the programs restart when they die, sooner at first, later when it goes on."""

import os
import shutil
import sys

from operations.local import environment

# A socket's path holds at most 107 bytes; supervisord first makes it under a longer name.
LONGEST_SOCKET_PATH = 90


def write(directory, programs):
    """Write the configuration and each program's settings; return its path."""
    sections = [supervisord_section(directory), *control_sections(directory)]
    sections += [program_section(program, directory) for program in programs]
    (directory / "logs").mkdir(exist_ok=True)
    path = directory / "supervisord.conf"
    path.write_text("\n".join(sections))
    return path


def command(configuration):
    return bound_to_parent([sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)])


def bound_to_parent(words):
    """Return the command so that it is told to end when its parent vanishes without a word."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *words] if setpriv else words


def settings_file(directory, program):
    """Write what one program may know, for itself alone: not every value survives supervisord's own syntax."""
    path = directory / "settings" / program.name
    path.parent.mkdir(exist_ok=True)
    environment.write(path, program.environment)
    return path


def with_settings_of(path, words):
    """Return the command with the settings of a file; the shell that reads them becomes the program."""
    return ["/bin/sh", "-c", 'set -a; . "$0"; exec "$@"', str(path), *words]


def supervisord_section(directory):
    place = plain(directory)
    lines = ["[supervisord]", f"logfile={place}/logs/supervisord.log", f"pidfile={place}/supervisord.pid"]
    lines += [f"directory={plain(directory.parent)}", f"childlogdir={place}/logs", "loglevel=info"]
    if os.geteuid() == 0:
        lines.append("user=root")  # Said outright, or it warns.
    return "\n".join(lines) + "\n"


def control_sections(directory):
    """Return what lets supervisorctl in, where the path of its socket is short enough."""
    socket = f"{directory}/supervisor.sock"
    if len(socket.encode()) > LONGEST_SOCKET_PATH:
        return []
    socket = plain(socket)
    interface = "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface"
    return [
        f"[unix_http_server]\nfile={socket}\nchmod=0600\n",
        f"[rpcinterface:supervisor]\n{interface}\n",
        f"[supervisorctl]\nserverurl=unix://{socket}\n",
    ]


def program_section(program, directory):
    words = bound_to_parent(with_settings_of(settings_file(directory, program), program.command))
    command = " ".join(f'"{escaped(word)}"' for word in words)
    log = plain(plain(directory))  # This one value is read twice over.
    return f"""\
[program:{program.name}]
command={command}
autorestart=true
; One that dies within ten seconds waits before its next try, one second longer each time; it is never given up.
startsecs=10
startretries=1000000
stopsignal=TERM
stopwaitsecs=35
killasgroup=true
redirect_stderr=true
stdout_logfile={log}/logs/{program.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
"""


def escaped(text):
    """Return text for between double quotes in the configuration, where % and \\ mean something."""
    return plain(text.replace("\\", "\\\\").replace('"', '\\"'))


def plain(text):
    """Return text, or a path, for anywhere in the configuration, where % means something."""
    return str(text).replace("%", "%%")
