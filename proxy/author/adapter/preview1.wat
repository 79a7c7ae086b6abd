;; What a module made for WASI 0.1 (`wasi_snapshot_preview1`: Go, C's standard library) finds when it
;; becomes a plugin: no files, no sockets, no arguments; chance, and what is printed, are the host's.
;;
;; Clocks are read from the host once, while the instance starts, and then only tick: Go's garbage
;; collector reads them whenever it runs, also while the host asks for memory, and a component that calls
;; its host then is ended ("cannot leave component instance"). A request carries its time in `now-ms`.
;;
;; It shares the module's memory and has none of its own. Where the host answers through memory, the
;; answer lands at $answer, and what was there is put back.
(module
  (import "env" "memory" (memory 0))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $host-monotonic (result i64)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $host-wall (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $host-random (result i64)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $host-stdout (result i32)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $host-stderr (result i32)))
  (import "wasi:cli/exit@0.2.0" "exit" (func $host-exit (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $host-write (param i32 i32 i32 i32)))

  ;; Error numbers of WASI 0.1.
  (global $success i32 (i32.const 0))
  (global $badf i32 (i32.const 8))
  (global $inval i32 (i32.const 28))

  ;; Any place in memory with room for 16 bytes.
  (global $answer i32 (i32.const 16))

  (global $clocks-read (mut i32) (i32.const 0))
  (global $monotonic (mut i64) (i64.const 0))
  (global $wall (mut i64) (i64.const 0))
  ;; Handles of the host's streams; 0 before the first use.
  (global $stdout (mut i32) (i32.const 0))
  (global $stderr (mut i32) (i32.const 0))

  (func $read-clocks
    (local $first i64) (local $second i64)
    (if (global.get $clocks-read) (then (return)))
    (global.set $clocks-read (i32.const 1))
    (global.set $monotonic (call $host-monotonic))
    (local.set $first (i64.load (global.get $answer)))
    (local.set $second (i64.load offset=8 (global.get $answer)))
    (call $host-wall (global.get $answer))
    (global.set $wall (i64.add
      (i64.mul (i64.load (global.get $answer)) (i64.const 1000000000))
      (i64.load32_u offset=8 (global.get $answer))))
    (i64.store (global.get $answer) (local.get $first))
    (i64.store offset=8 (global.get $answer) (local.get $second)))

  (func $tick (param $nanoseconds i64)
    (global.set $monotonic (i64.add (global.get $monotonic) (local.get $nanoseconds)))
    (global.set $wall (i64.add (global.get $wall) (local.get $nanoseconds))))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (call $read-clocks)
    (call $tick (i64.const 1000))
    (if (i32.eqz (local.get $clock))
      (then (i64.store (local.get $time) (global.get $wall)))
      (else (i64.store (local.get $time) (global.get $monotonic))))
    (global.get $success))

  (func (export "clock_res_get") (param $clock i32) (param $resolution i32) (result i32)
    (i64.store (local.get $resolution) (i64.const 1000))
    (global.get $success))

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $chance i64) (local $left i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (if (i32.eqz (local.get $left))
          (then
            (local.set $chance (call $host-random))
            (local.set $left (i32.const 8))))
        (i64.store8 (local.get $at) (local.get $chance))
        (local.set $chance (i64.shr_u (local.get $chance) (i64.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    (global.get $success))

  (func $stream (param $fd i32) (result i32)
    (if (i32.eq (local.get $fd) (i32.const 1))
      (then
        (if (i32.eqz (global.get $stdout)) (then (global.set $stdout (call $host-stdout))))
        (return (global.get $stdout))))
    (if (i32.eqz (global.get $stderr)) (then (global.set $stderr (call $host-stderr))))
    (global.get $stderr))

  ;; The host takes 4096 bytes at once.
  (func $write (param $stream i32) (param $at i32) (param $length i32)
    (local $piece i32) (local $first i64) (local $second i64)
    (local.set $first (i64.load (global.get $answer)))
    (local.set $second (i64.load offset=8 (global.get $answer)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $piece (select (local.get $length) (i32.const 4096)
          (i32.lt_u (local.get $length) (i32.const 4096))))
        (call $host-write (local.get $stream) (local.get $at) (local.get $piece) (global.get $answer))
        (i64.store (global.get $answer) (local.get $first))
        (i64.store offset=8 (global.get $answer) (local.get $second))
        (local.set $at (i32.add (local.get $at) (local.get $piece)))
        (local.set $length (i32.sub (local.get $length) (local.get $piece)))
        (br $next))))

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1))
      (then (return (global.get $badf))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $write (call $stream (local.get $fd))
          (i32.load (local.get $pieces)) (i32.load offset=4 (local.get $pieces)))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $pieces))))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (global.get $success))

  ;; Standard input has ended.
  (func (export "fd_read") (param $fd i32) (param $pieces i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (global.get $badf))))
    (i32.store (local.get $read) (i32.const 0))
    (global.get $success))

  ;; The three standard streams are like terminals: bytes in order, nothing to seek in.
  (func (export "fd_fdstat_get") (param $fd i32) (param $status i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (global.get $badf))))
    (i64.store (local.get $status) (i64.const 2))
    (i64.store offset=8 (local.get $status) (i64.const 0x40))
    (i64.store offset=16 (local.get $status) (i64.const 0))
    (global.get $success))

  (func (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32)
    (select (global.get $badf) (global.get $success) (i32.gt_u (local.get $fd) (i32.const 2))))

  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (global.get $success))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func $nothing (param i32 i32) (result i32) (global.get $success))
  (export "args_get" (func $nothing))
  (export "environ_get" (func $nothing))

  ;; Whoever waits for a time has it at once: the clocks go on by as much, and all that was waited for
  ;; has happened.
  (func (export "poll_oneoff") (param $waits i32) (param $events i32) (param $count i32) (param $happened i32) (result i32)
    (local $left i32)
    (if (i32.eqz (local.get $count)) (then (return (global.get $inval))))
    (call $read-clocks)
    (local.set $left (local.get $count))
    (loop $next
      ;; A clock's wait for so long, not until then.
      (if (i32.and (i32.eqz (i32.load8_u offset=8 (local.get $waits)))
            (i32.eqz (i32.load16_u offset=40 (local.get $waits))))
        (then (call $tick (i64.load offset=24 (local.get $waits)))))
      (i64.store (local.get $events) (i64.load (local.get $waits)))
      (i64.store offset=8 (local.get $events) (i64.const 0))
      (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $waits)))
      (i64.store offset=16 (local.get $events) (i64.const 0))
      (i64.store offset=24 (local.get $events) (i64.const 0))
      (local.set $waits (i32.add (local.get $waits) (i32.const 48)))
      (local.set $events (i32.add (local.get $events) (i32.const 32)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (i32.store (local.get $happened) (local.get $count))
    (global.get $success))

  (func (export "proc_exit") (param $code i32)
    (call $host-exit (i32.ne (local.get $code) (i32.const 0)))
    (unreachable))
  (func (export "proc_raise") (param i32) (result i32) (unreachable))
  (func (export "sched_yield") (result i32) (global.get $success))

  ;; What follows is about files and sockets. No descriptor but the standard three is open, and no folder
  ;; is there to open one in.
  (func $closed-iIIi (param i32 i64 i64 i32) (result i32) (global.get $badf))
  (export "fd_advise" (func $closed-iIIi))
  (export "fd_filestat_set_times" (func $closed-iIIi))
  (func $closed-iII (param i32 i64 i64) (result i32) (global.get $badf))
  (export "fd_allocate" (func $closed-iII))
  (export "fd_fdstat_set_rights" (func $closed-iII))
  (func $closed-i (param i32) (result i32) (global.get $badf))
  (export "fd_close" (func $closed-i))
  (export "fd_datasync" (func $closed-i))
  (export "fd_sync" (func $closed-i))
  (func $closed-ii (param i32 i32) (result i32) (global.get $badf))
  (export "fd_filestat_get" (func $closed-ii))
  (export "fd_prestat_get" (func $closed-ii))
  (export "fd_renumber" (func $closed-ii))
  (export "fd_tell" (func $closed-ii))
  (export "sock_shutdown" (func $closed-ii))
  (func $closed-iI (param i32 i64) (result i32) (global.get $badf))
  (export "fd_filestat_set_size" (func $closed-iI))
  (func $closed-iiiIi (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (export "fd_pread" (func $closed-iiiIi))
  (export "fd_pwrite" (func $closed-iiiIi))
  (export "fd_readdir" (func $closed-iiiIi))
  (func $closed-iii (param i32 i32 i32) (result i32) (global.get $badf))
  (export "fd_prestat_dir_name" (func $closed-iii))
  (export "path_create_directory" (func $closed-iii))
  (export "path_remove_directory" (func $closed-iii))
  (export "path_unlink_file" (func $closed-iii))
  (export "sock_accept" (func $closed-iii))
  (func $closed-iIii (param i32 i64 i32 i32) (result i32) (global.get $badf))
  (export "fd_seek" (func $closed-iIii))
  (func $closed-iiiii (param i32 i32 i32 i32 i32) (result i32) (global.get $badf))
  (export "path_filestat_get" (func $closed-iiiii))
  (export "path_symlink" (func $closed-iiiii))
  (export "sock_send" (func $closed-iiiii))
  (func $closed-iiiiIIi (param i32 i32 i32 i32 i64 i64 i32) (result i32) (global.get $badf))
  (export "path_filestat_set_times" (func $closed-iiiiIIi))
  (func $closed-iiiiiii (param i32 i32 i32 i32 i32 i32 i32) (result i32) (global.get $badf))
  (export "path_link" (func $closed-iiiiiii))
  (func $closed-iiiiiIIii (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (global.get $badf))
  (export "path_open" (func $closed-iiiiiIIii))
  (func $closed-iiiiii (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $badf))
  (export "path_readlink" (func $closed-iiiiii))
  (export "path_rename" (func $closed-iiiiii))
  (export "sock_recv" (func $closed-iiiiii))
)
