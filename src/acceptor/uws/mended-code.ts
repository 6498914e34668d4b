/**
 * `mov edx, 0x80000; xor ecx, ecx; call …` on x86-64: the one place where uSockets reads a plain socket, `recv(fd, buffer, 524288, 0)`.
 * Behind it it reads again, in the same turn, as long as a read has filled the buffer, also after `pause`: a client that sends as fast as
 * we read is never held back, and hundreds of megabytes of its body have to be kept (uSockets `src/loop.c`, `read_more`).
 */
const READ = Buffer.from('ba0000080031c9e8', 'hex')
/** The byte of the length that makes it 131,072: less than the buffer, so that no read ever fills it. */
const LENGTH_AT = 3
const LENGTH_BYTE = 0x02

/**
 * The end of a field name in uWS' parser (`HttpParser::consumeFieldName`), on the quick way: `movzx eax, bl; cmp eax, ':'; je END`.
 * The general way behind it finds the same end, so the quick way's check can go.
 */
const QUICK_END = Buffer.from('0fb6c383f83a7461', 'hex')
/** What follows at END: `sub rax, r14; mov [rdx], rax; mov [rdx+8], r14; cmp byte [r11], ':'; jne REFUSE`. */
const NAME_END = Buffer.from('4c29f04889024c89720841803b3a0f85', 'hex')
const NAME_END_BYTES = NAME_END.length + 4
/** From the one to the other. */
const END_BEHIND_QUICK = 108

/**
 * `cmp byte [r11+rax+1], 0x21; jge` and `cmp byte [r11-1], 0x20; jg`: blanks are taken off the end and the beginning of a field's value. The
 * comparisons are signed, so all bytes from 0x80 on go with them (`HttpParser::getHeaders`): made unsigned, `jae` and `ja`.
 */
const TRIM_END = Buffer.from('41807c0301217d', 'hex')
const TRIM_START = Buffer.from('41807bff207f', 'hex')
const JAE = 0x73
const JA = 0x77

/**
 * Where uWS closes a connection whose request its parser refuses (`HttpContext::init`, on data): `mov rsi, rbx; xor edx, edx; xor ecx, ecx;
 * call us_socket_close`, and what follows that call, over a plain connection and over TLS. The code in edx is 0 everywhere else.
 */
const CLOSE = Buffer.from('4889de31d231c9e8', 'hex')
const CLOSE_BYTES = CLOSE.length + 4
const BEHIND_CLOSE = [Buffer.from('4d8bb7f80d0000', 'hex'), Buffer.from('4d8bb7380e0000', 'hex')] as const
/** `mov rsi, rbx; lea edx, [rbp+0x7c]; nop`: ebp holds the number of the parser's error, 0 to 3. Nobody reads ecx. */
const CLOSE_TELLING = Buffer.from('4889de8d557c90', 'hex')
/**
 * Where uWS tells the filter of a closed connection, plain and over TLS: `mov rdi, r14; mov rsi, rbx; mov edx, -1; call [r14+0x18]`. The code of
 * the close is still in esi.
 */
const TELL = Buffer.from('4c89f74889debaffffffff41ff5618', 'hex')
const TELLS = 2
/** `mov rdi, r14; mov edx, esi; not edx; mov rsi, rbx; nop`: -1 for a code of 0. */
const TELL_CODE = Buffer.from('4c89f789f2f7d24889de90', 'hex')

/**
 * Where a response becomes a WebSocket, plain and over TLS: `cmp dword [rax], 0; je WARN; mov [rsp+0x10], r14`, and on another way the same comparison
 * with a jump back to behind it, `jne -60`; WARN follows. Outside of `cork` it says on standard error, for each WebSocket, that writes belong into one; but
 * inside it is the switch itself that goes wrong (see `UwsUpgrade`).
 */
const WARNING = Buffer.from('833800743c4c89742410', 'hex')
const WARNING_AGAIN = Buffer.from('83380075c4', 'hex')
const AGAIN_BEHIND = 60
const WARNINGS = 2
const JUMP_AT = 3

/**
 * Where uSockets frees what it kept of a closed connection (`us_poll_free` of its `libuv.c`, and inlined where it frees all that a turn has closed): `call
 * uv_is_closing; mov rdi, [rbx]; test eax, eax; je FREE; mov [rdi], rbx`, or with r14. rdi holds the handle before the call as well.
 */
const CLOSING_CALL = 0xe8
const CLOSING_CALL_BYTES = 5
const FREES = ['488b3b85c074d848891f', '498b3e85c074d84c8937', '488b3b85c0740548891f'].map((hex) =>
  Buffer.from(hex, 'hex'),
)
const FREES_PLACES = 4
/**
 * `mov eax, [rdi+88]; and eax, 3; dec eax; nop; jne FREE`. At 88 lie the `flags` of a `uv_handle_t`, a place that the ABI of libuv 1 keeps; their lowest
 * bits are 1 while a handle closes and 3 when it has closed (`uv-common.h`: no promise, but never changed; `closed-connections.test.ts` would tell).
 */
const FREE_UNLESS_CLOSING = Buffer.from('8b475883e003ffc8669075', 'hex')

/**
 * Makes a copy of the addon with the faults mended that cannot be mended from outside:
 *
 * - it reads at most 128 KiB of a connection in a turn of the loop, so that a pause holds from the next turn on;
 * - a field with an empty name (`: x`) is refused like any other that is no token. As built, it ends the list of fields for whoever
 *   reads it, uWS' own framing included, so that a body announced behind it would be executed as a request (RFC 9112 §5.1, U6);
 * - values keep what is not ASCII at their ends. As built, `café` arrives as `caf`, and `Host: a\xff` as `a`;
 * - of a connection that the parser refuses, the filter is told so: -125 to -128 instead of -1 (`REFUSED_CHANGES`). As built, nobody hears of such
 *   requests, and they cannot be counted (C16). For the first filter of an application only;
 * - a WebSocket begins without a warning on standard error, which is none of ours to give;
 * - what is kept of a connection is freed also if its handle has closed by then. As built, whatever is closed between the check of uSockets and the end
 *   of a turn (from `setImmediate`, where frames of a busy mailbox are read) is never freed, 464 bytes of each such connection.
 *
 * @returns null where this is not the known code, which is left as it is: not for x86-64, or another build
 */
export function mendCode(binary: Buffer): Buffer | null {
  const read = onlyPlaceOf(READ, binary)
  const quick = onlyPlaceOf(QUICK_END, binary)
  const end = onlyPlaceOf(NAME_END, binary)
  const trimEnd = onlyPlaceOf(TRIM_END, binary)
  const trimStart = onlyPlaceOf(TRIM_START, binary)
  if (read === null || quick === null || end !== quick + END_BEHIND_QUICK) return null
  if (trimEnd === null || trimStart === null) return null
  const closes = BEHIND_CLOSE.map((behind) => closeBefore(onlyPlaceOf(behind, binary), binary))
  const tells = placesOf(TELL, binary)
  const warnings = placesOf(WARNING, binary).filter((at) => isAt(at + AGAIN_BEHIND, WARNING_AGAIN, binary))
  const frees = FREES.flatMap((free) => placesOf(free, binary).map((at) => at - CLOSING_CALL_BYTES))
  if (closes.includes(null) || tells.length !== TELLS || warnings.length !== WARNINGS) return null
  if (frees.length !== FREES_PLACES || frees.some((free) => binary[free] !== CLOSING_CALL)) return null
  const copy = Buffer.from(binary)
  for (const close of closes) if (close !== null) copy.set(CLOSE_TELLING, close)
  for (const tell of tells) copy.set(TELL_CODE, tell)
  for (const free of frees) copy.set(FREE_UNLESS_CLOSING, free)
  for (const warning of warnings) {
    // nop; nop: on behind it, and the other one jumps there, whatever was compared
    copy.fill(0x90, warning + JUMP_AT, warning + JUMP_AT + 2)
    copy[warning + AGAIN_BEHIND + JUMP_AT] = 0xeb
  }
  copy[read + LENGTH_AT] = LENGTH_BYTE
  refuseEmptyNames(copy, quick, end)
  copy[trimEnd + TRIM_END.length - 1] = JAE
  copy[trimStart + TRIM_START.length - 1] = JA
  return copy
}

/** The freed check becomes `jmp +6` over a `jmp REFUSE`, and the end of a name goes there also if nothing stands before it. */
function refuseEmptyNames(code: Buffer, quick: number, end: number): void {
  const refuse = end + NAME_END_BYTES + code.readInt32LE(end + NAME_END.length)
  const refusal = quick + 2
  code.set([0xeb, 0x06, 0xe9, 0, 0, 0, 0, 0x90], quick)
  code.writeInt32LE(refuse - (refusal + 5), refusal + 1)
  // sub rax, r14; je refusal; mov [rdx], rax; mov [rdx+8], r14; cmp byte [r11], ':'; jne refusal; nop
  code.set(Buffer.from('4c29f074004889024c89720841803b3a75006690', 'hex'), end)
  code.writeInt8(refusal - (end + 5), end + 4)
  code.writeInt8(refusal - (end + 18), end + 17)
}

/** @param behind what follows the call */
function closeBefore(behind: number | null, binary: Buffer): number | null {
  const at = (behind ?? 0) - CLOSE_BYTES
  return at >= 0 && isAt(at, CLOSE, binary) ? at : null
}

function isAt(at: number, pattern: Buffer, binary: Buffer): boolean {
  return binary.subarray(at, at + pattern.length).equals(pattern)
}

function placesOf(pattern: Buffer, binary: Buffer): number[] {
  const places: number[] = []
  for (let at = binary.indexOf(pattern); at >= 0; at = binary.indexOf(pattern, at + 1)) places.push(at)
  return places
}

function onlyPlaceOf(pattern: Buffer, binary: Buffer): number | null {
  const places = placesOf(pattern, binary)
  return places.length === 1 ? (places[0] ?? null) : null
}
