# SPDX-License-Identifier: GPL-2.0-or-later
"""A modem of fixed answers to AT commands (3GPP TS 27.007), at a socket where ModemManager's test profile finds it.

`python3 -m esimshaper.lab.at_modem NAME ICCID` runs until it is killed.
"""

import socket
import sys
import threading

FIXED = {
    "AT+GCAP": "+GCAP: +CGSM",
    "ATI": "Acme Modem",
    "AT+CGMI": "Acme",
    "AT+CGMM": "M1",
    "AT+CGMR": "1.0",
    "AT+CGSN": "490154203237518",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CIMI": "440201234567890",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CSCS=?": '+CSCS: ("GSM","IRA","UCS2")',
    "AT+CSCS?": '+CSCS: "IRA"',
    "AT+CREG?": '+CREG: 2,5,"00C3","0001"',
    "AT+CGREG?": '+CGREG: 2,5,"00C3","0001"',
    "AT+CEREG?": '+CEREG: 2,5,"00C3","0001",7',
    "AT+CREG=?": "+CREG: (0-2)",
    "AT+CGREG=?": "+CGREG: (0-2)",
    "AT+CEREG=?": "+CEREG: (0-2)",
    "AT+CSQ": "+CSQ: 20,99",
    "AT+CIND=?": '+CIND: ("signal",(0-5)),("service",(0-1)),("roam",(0-1))',
    "AT+CIND?": "+CIND: 4,1,1",
    "AT+CGDCONT=?": '+CGDCONT: (1-11),"IP",,,(0-2),(0-4)',
    "AT+WS46=?": "+WS46: (22,28,30,31)",
}
"""What stands before the OK. A command that is not here succeeds without a word, unless it is REFUSED."""

REFUSED = (
    "AT+CMER",
    "AT+CCLK",
    "AT+CTZU",
    "AT$",
    "AT*",
    "AT%",
    "AT^",
    "AT#",
    "AT_",
    "AT+CUSD",
    "AT+CLCC",
    "AT+CRSM=178",
)


OPERATORS = {"AT+COPS=3,2": '+COPS: 0,2,"44020",7', "AT+COPS=3,0": '+COPS: 0,0,"SoftBank",7'}
"""What AT+COPS? says, by the command that has chosen its form."""


class Modem:
    """A modem with one SIM."""

    def __init__(self, iccid: str) -> None:
        digits = iccid.ljust(20, "F")
        self._on_card = "".join(digits[at : at + 2][::-1] for at in range(0, len(digits), 2))
        self._operator = ""

    def answer(self, command: str) -> str:
        """All that the modem says to a command."""
        self._operator = OPERATORS.get(command, self._operator)
        if command.startswith(REFUSED):
            return "\r\nERROR\r\n"
        said = FIXED.get(command, "")
        if command.startswith("AT+CRSM=176,12258"):  # READ BINARY of EF_ICCID
            said = f'+CRSM: 144,0,"{self._on_card}"'
        if command == "AT+COPS?":
            said = self._operator
        return f"\r\n{said}\r\n\r\nOK\r\n" if said else "\r\nOK\r\n"

    def serve(self, connection: socket.socket) -> None:
        """Talks to one port of ModemManager until it is closed."""
        waiting = b""
        while got := connection.recv(4096):
            *commands, waiting = (waiting + got).split(b"\r")
            for command in commands:
                connection.sendall(self.answer(command.decode("ascii", "replace").strip()).encode())


def main(name: str, iccid: str) -> None:
    """Listens at the abstract socket whose name is literally `abstract:NAME`, as ModemManager looks for it."""
    modem = Modem(iccid)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0abstract:{name}")
        listening.listen()
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=modem.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
