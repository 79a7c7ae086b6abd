;; Two components in one; the inner one's strings go from one memory to the other.
(component
  (component $callee
    (core module $m
      (memory (export "memory") 1)
      (func (export "take") (param i32 i32))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "take") (param "text" string)
      (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
  (component $caller
    (import "take" (func $take (param "text" string)))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $take (canon lower (func $take) (memory (core memory $memory "memory"))))
    (core module $m
      (import "" "take" (func (param i32 i32)))
      (func (export "run")))
    (core instance $i (instantiate $m (with "" (instance (export "take" (func $take))))))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller (with "take" (func $callee "take"))))
  (instance (export "hither:plugin/lifecycle@0.1.0") (export "run" (func $caller "run")))
  (instance (export "hither:plugin/routing@0.1.0") (export "run" (func $caller "run"))))
