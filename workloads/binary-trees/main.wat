;; Perfect binary trees of structures, made and walked: short-lived ones by the thousand beside one that
;; stays. Prints how many nodes each batch had.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; 0: the pieces of a line for fd_write; 16: how much was written; 64: the line.
  (data (i32.const 1024) "stretch tree of depth ")
  (data (i32.const 1056) "\09 check: ")
  (data (i32.const 1072) "\09 trees of depth ")
  (data (i32.const 1104) "long lived tree of depth ")

  (type $node (struct (field $left (ref null $node)) (field $right (ref null $node))))
  (global $end (mut i32) (i32.const 64))

  (func $make (param $depth i32) (result (ref $node))
    (if (i32.eqz (local.get $depth))
      (then (return (struct.new $node (ref.null $node) (ref.null $node)))))
    (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
    (struct.new $node (call $make (local.get $depth)) (call $make (local.get $depth))))

  (func $count (param $tree (ref $node)) (result i32)
    (local $left (ref null $node))
    (local.set $left (struct.get $node $left (local.get $tree)))
    (if (ref.is_null (local.get $left)) (then (return (i32.const 1))))
    (i32.add
      (i32.add (i32.const 1) (call $count (ref.as_non_null (local.get $left))))
      (call $count (ref.as_non_null (struct.get $node $right (local.get $tree))))))

  (func $text (param $from i32) (param $length i32)
    (memory.copy (global.get $end) (local.get $from) (local.get $length))
    (global.set $end (i32.add (global.get $end) (local.get $length))))

  (func $number (param $value i32)
    (if (i32.ge_u (local.get $value) (i32.const 10))
      (then (call $number (i32.div_u (local.get $value) (i32.const 10)))))
    (i32.store8 (global.get $end)
      (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  (func $line
    (i32.store8 (global.get $end) (i32.const 10))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.sub (global.get $end) (i32.const 63)))
    (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))
      (then (call $proc_exit (i32.const 1))))
    (global.set $end (i32.const 64)))

  (func $batch (param $depth i32) (param $trees i32)
    (local $left i32) (local $nodes i32)
    (local.set $left (local.get $trees))
    (loop $next
      (local.set $nodes (i32.add (local.get $nodes) (call $count (call $make (local.get $depth)))))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $number (local.get $trees))
    (call $text (i32.const 1072) (i32.const 17))
    (call $number (local.get $depth))
    (call $text (i32.const 1056) (i32.const 9))
    (call $number (local.get $nodes))
    (call $line))

  (func $run (param $deepest i32)
    (local $depth i32) (local $long (ref null $node))
    (call $text (i32.const 1024) (i32.const 22))
    (call $number (i32.add (local.get $deepest) (i32.const 1)))
    (call $text (i32.const 1056) (i32.const 9))
    (call $number (call $count (call $make (i32.add (local.get $deepest) (i32.const 1)))))
    (call $line)
    (local.set $long (call $make (local.get $deepest)))
    (local.set $depth (i32.const 4))
    (loop $next
      (call $batch (local.get $depth)
        (i32.shl (i32.const 1)
          (i32.add (i32.sub (local.get $deepest) (local.get $depth)) (i32.const 4))))
      (local.set $depth (i32.add (local.get $depth) (i32.const 2)))
      (br_if $next (i32.le_u (local.get $depth) (local.get $deepest))))
    (call $text (i32.const 1104) (i32.const 25))
    (call $number (local.get $deepest))
    (call $text (i32.const 1056) (i32.const 9))
    (call $number (call $count (ref.as_non_null (local.get $long))))
    (call $line))

  (func (export "_start") (call $run (i32.const 15)))
  ;; For tests: trees of another depth.
  (func (export "run") (param i32) (call $run (local.get 0))))
