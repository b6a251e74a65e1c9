;; A document: elements with a name, attributes and children, and texts, all below one type. It is built,
;; edited at random places, searched and written again and again, as a program with an interface does it.
;; Prints what each round finds, and a digest of the document as text.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "round ")
  (data (i32.const 1040) ": elements ")
  (data (i32.const 1056) ", texts ")
  (data (i32.const 1072) ", depth ")
  (data (i32.const 1088) ", found ")
  (data (i32.const 1104) ", digest ")

  (type $string (array (mut i8)))
  (rec
    (type $node (sub (struct (field $depth (mut i32)))))
    (type $element (sub final $node (struct
      (field $depth (mut i32))
      (field $name (ref $string))
      (field $attributes (mut (ref null $attribute)))
      (field $children (mut (ref $nodes)))
      (field $count (mut i32)))))
    (type $nodes (array (mut (ref null $node))))
    (type $attribute (struct
      (field $key i32) (field $value (mut (ref null eq))) (field $next (ref null $attribute)))))
  (type $text (sub final $node (struct
    (field $depth (mut i32)) (field $content (mut (ref $string))))))
  ;; What is done to a node on a walk.
  (type $visit (func (param (ref $node) i32)))

  (data $words "divspanlistitemheadbodylinknote")
  (global $seed (mut i32) (i32.const 12345))
  (global $end (mut i32) (i32.const 64))
  (global $elements (mut i32) (i32.const 0))
  (global $texts (mut i32) (i32.const 0))
  (global $deepest (mut i32) (i32.const 0))
  (global $found (mut i32) (i32.const 0))
  (global $digest (mut i32) (i32.const 0))

  (func $random (param $below i32) (result i32)
    (global.set $seed
      (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
    (i32.rem_u (i32.shr_u (global.get $seed) (i32.const 8)) (local.get $below)))

  ;; One of the eight names: the first is three letters long, all others four.
  (func $name (param $which i32) (result (ref $string))
    (if (result (ref $string)) (i32.eqz (local.get $which))
      (then (array.new_data $string $words (i32.const 0) (i32.const 3)))
      (else (array.new_data $string $words
        (i32.sub (i32.mul (local.get $which) (i32.const 4)) (i32.const 1)) (i32.const 4)))))

  (func $new_element (result (ref $element))
    (struct.new $element (i32.const 0) (call $name (call $random (i32.const 8)))
      (ref.null $attribute) (array.new_default $nodes (i32.const 2)) (i32.const 0)))

  (func $new_text (result (ref $text))
    (local $content (ref $string)) (local $i i32)
    (local.set $content (array.new $string (i32.const 32)
      (i32.add (i32.const 8) (call $random (i32.const 40)))))
    (loop $next
      (array.set $string (local.get $content) (local.get $i)
        (i32.add (i32.const 97) (call $random (i32.const 26))))
      (local.set $i (i32.add (local.get $i) (i32.const 3)))
      (br_if $next (i32.lt_u (local.get $i) (array.len (local.get $content)))))
    (struct.new $text (i32.const 0) (local.get $content)))

  (func $append (param $to (ref $element)) (param $child (ref $node))
    (local $count i32) (local $more (ref $nodes))
    (local.set $count (struct.get $element $count (local.get $to)))
    (if (i32.eq (local.get $count) (array.len (struct.get $element $children (local.get $to))))
      (then
        (local.set $more (array.new_default $nodes (i32.shl (local.get $count) (i32.const 1))))
        (array.copy $nodes $nodes (local.get $more) (i32.const 0)
          (struct.get $element $children (local.get $to)) (i32.const 0) (local.get $count))
        (struct.set $element $children (local.get $to) (local.get $more))))
    (array.set $nodes (struct.get $element $children (local.get $to)) (local.get $count)
      (local.get $child))
    (struct.set $element $count (local.get $to) (i32.add (local.get $count) (i32.const 1)))
    (struct.set $node $depth (local.get $child)
      (i32.add (struct.get $element $depth (local.get $to)) (i32.const 1))))

  ;; Sets an attribute: a small number, or a text where that is chosen.
  (func $set (param $of (ref $element)) (param $key i32)
    (local $at (ref null $attribute)) (local $value (ref eq))
    (local.set $value
      (if (result (ref eq)) (call $random (i32.const 3))
        (then (ref.i31 (call $random (i32.const 1000))))
        (else (call $name (call $random (i32.const 8))))))
    (local.set $at (struct.get $element $attributes (local.get $of)))
    (block $new
      (loop $next
        (br_if $new (ref.is_null (local.get $at)))
        (if (i32.eq (struct.get $attribute $key (local.get $at)) (local.get $key))
          (then (struct.set $attribute $value (local.get $at) (local.get $value)) (return)))
        (local.set $at (struct.get $attribute $next (local.get $at)))
        (br $next)))
    (struct.set $element $attributes (local.get $of)
      (struct.new $attribute (local.get $key) (local.get $value)
        (struct.get $element $attributes (local.get $of)))))

  (func $build (param $height i32) (param $depth i32) (result (ref $element))
    (local $element (ref $element)) (local $left i32)
    (local.set $element (call $new_element))
    (struct.set $element $depth (local.get $element) (local.get $depth))
    (call $set (local.get $element) (call $random (i32.const 4)))
    (if (i32.eqz (local.get $height))
      (then (call $append (local.get $element) (call $new_text)) (return (local.get $element))))
    (local.set $left (i32.add (i32.const 1) (call $random (i32.const 6))))
    (loop $next
      (call $append (local.get $element)
        (call $build (i32.sub (local.get $height) (i32.const 1))
          (i32.add (local.get $depth) (i32.const 1))))
      (if (i32.eqz (call $random (i32.const 3)))
        (then (call $append (local.get $element) (call $new_text))))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $element))

  ;; Calls a function with every node and its depth, parents first.
  (func $walk (param $node (ref $node)) (param $depth i32) (param $visit (ref $visit))
    (local $element (ref $element)) (local $i i32)
    (call_ref $visit (local.get $node) (local.get $depth) (local.get $visit))
    (block $leaf (result (ref $node))
      (local.set $element
        (br_on_cast_fail $leaf (ref $node) (ref $element) (local.get $node)))
      (loop $next
        (if (i32.lt_u (local.get $i) (struct.get $element $count (local.get $element)))
          (then
            (call $walk
              (ref.as_non_null (array.get $nodes
                (struct.get $element $children (local.get $element)) (local.get $i)))
              (i32.add (local.get $depth) (i32.const 1)) (local.get $visit))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next))))
      (return))
    (drop))

  (elem declare func $measure $digest_node)

  ;; Counts nodes, and the attributes that are numbers below a hundred.
  (func $measure (type $visit)
    (local $at (ref null $attribute))
    (if (i32.gt_u (local.get 1) (global.get $deepest))
      (then (global.set $deepest (local.get 1))))
    (if (ref.test (ref $text) (local.get 0))
      (then (global.set $texts (i32.add (global.get $texts) (i32.const 1))) (return)))
    (global.set $elements (i32.add (global.get $elements) (i32.const 1)))
    (local.set $at (struct.get $element $attributes (ref.cast (ref $element) (local.get 0))))
    (block $done
      (loop $next
        (br_if $done (ref.is_null (local.get $at)))
        (if (ref.test (ref i31) (struct.get $attribute $value (local.get $at)))
          (then
            (if (i32.lt_u
                (i31.get_u (ref.cast (ref i31) (struct.get $attribute $value (local.get $at))))
                (i32.const 100))
              (then (global.set $found (i32.add (global.get $found) (i32.const 1)))))))
        (local.set $at (struct.get $attribute $next (local.get $at)))
        (br $next))))

  (func $mix (param $string (ref $string))
    (local $i i32)
    (loop $next
      (if (i32.lt_u (local.get $i) (array.len (local.get $string)))
        (then
          (global.set $digest
            (i32.mul
              (i32.xor (global.get $digest)
                (array.get_u $string (local.get $string) (local.get $i)))
              (i32.const 16777619)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))))

  (func $digest_node (type $visit)
    (block $text (result (ref $text))
      (call $mix (struct.get $element $name (ref.cast (ref $element)
        (br_on_cast $text (ref $node) (ref $text) (local.get 0)))))
      (return))
    (struct.get $text $content)
    (call $mix))

  ;; An element that is found by going down at random.
  (func $pick (param $from (ref $element)) (result (ref $element))
    (local $count i32)
    (loop $next
      (if (i32.eqz (call $random (i32.const 12))) (then (return (local.get $from))))
      (local.set $count (struct.get $element $count (local.get $from)))
      (if (i32.eqz (local.get $count)) (then (return (local.get $from))))
      (block $leaf (result (ref null $node))
        (local.set $from (br_on_cast_fail $leaf (ref null $node) (ref $element)
          (array.get $nodes (struct.get $element $children (local.get $from))
            (call $random (local.get $count)))))
        (br $next))
      (drop))
    (local.get $from))

  ;; Sets an attribute of an element; then replaces one of its children by as large a tree as belongs
  ;; there.
  (func $edit (param $of (ref $element)) (param $deepest i32)
    (local $count i32) (local $at i32) (local $fresh (ref $element))
    (call $set (local.get $of) (call $random (i32.const 6)))
    (local.set $count (struct.get $element $count (local.get $of)))
    (if (i32.eqz (local.get $count)) (then (return)))
    (local.set $deepest (i32.sub (i32.sub (local.get $deepest) (i32.const 1))
      (struct.get $element $depth (local.get $of))))
    (if (i32.lt_s (local.get $deepest) (i32.const 0)) (then (return)))
    (local.set $at (call $random (local.get $count)))
    (local.set $fresh (call $build (local.get $deepest)
      (i32.add (struct.get $element $depth (local.get $of)) (i32.const 1))))
    (array.set $nodes (struct.get $element $children (local.get $of)) (local.get $at)
      (local.get $fresh)))

  (func $show (param $from i32) (param $length i32) (param $value i32)
    (memory.copy (global.get $end) (local.get $from) (local.get $length))
    (global.set $end (i32.add (global.get $end) (local.get $length)))
    (call $number (local.get $value)))

  (func $number (param $value i32)
    (if (i32.ge_u (local.get $value) (i32.const 10))
      (then (call $number (i32.div_u (local.get $value) (i32.const 10)))))
    (i32.store8 (global.get $end)
      (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  (func $run (param $depth i32) (param $rounds i32) (param $edits i32)
    (local $document (ref $element)) (local $round i32) (local $left i32)
    (local.set $document (call $build (local.get $depth) (i32.const 0)))
    (loop $next
      (local.set $left (local.get $edits))
      (loop $more
        (call $edit (call $pick (local.get $document)) (local.get $depth))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (global.set $elements (i32.const 0))
      (global.set $texts (i32.const 0))
      (global.set $deepest (i32.const 0))
      (global.set $found (i32.const 0))
      (global.set $digest (i32.const -2128831035))
      (call $walk (local.get $document) (i32.const 0) (ref.func $measure))
      (call $walk (local.get $document) (i32.const 0) (ref.func $digest_node))
      (global.set $end (i32.const 64))
      (call $show (i32.const 1024) (i32.const 6) (local.get $round))
      (call $show (i32.const 1040) (i32.const 11) (global.get $elements))
      (call $show (i32.const 1056) (i32.const 8) (global.get $texts))
      (call $show (i32.const 1072) (i32.const 8) (global.get $deepest))
      (call $show (i32.const 1088) (i32.const 8) (global.get $found))
      (call $show (i32.const 1104) (i32.const 9) (global.get $digest))
      (i32.store8 (global.get $end) (i32.const 10))
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (i32.sub (global.get $end) (i32.const 63)))
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))
        (then (call $proc_exit (i32.const 1))))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $round) (local.get $rounds)))))

  (func (export "_start") (call $run (i32.const 7) (i32.const 10) (i32.const 100)))
  ;; For tests: a document of another size.
  (func (export "run") (param i32 i32 i32)
    (call $run (local.get 0) (local.get 1) (local.get 2))))
