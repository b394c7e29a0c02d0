// SPDX-License-Identifier: Apache-2.0
// The functions of the C header, over the Swift types.

import CLaminaRuntime

private typealias Handle = UnsafeMutablePointer<Context>

/// The context behind an opaque C pointer.
private func context(_ handle: OpaquePointer?) -> Handle? { handle.map { Handle($0) } }

/// Runs something that may fail, as a status.
private func status(_ body: () throws(RuntimeError) -> Void) -> lamina_status {
  do {
    try body()
    return LAMINA_OK
  } catch {
    return error.status
  }
}

@_cdecl("lamina_open")
public func laminaOpen(
  _ model: UnsafePointer<lamina_model>?, _ weights: UnsafeRawPointer?, _ weightsByteCount: UInt64,
  _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> lamina_status {
  guard let model, let result else { return LAMINA_BAD_POINTER }
  result.pointee = nil
  guard weightsByteCount <= UInt64(LAMINA_MAX_BYTES), weights != nil || weightsByteCount == 0 else {
    return LAMINA_BAD_MODEL
  }
  return status { () throws(RuntimeError) in
    let context = try Context(
      Model(model.pointee, weights: UnsafeRawBufferPointer(start: weights, count: Int(weightsByteCount))))
    guard let memory = lamina_allocate(UInt64(MemoryLayout<Context>.stride)) else {
      throw RuntimeError(LAMINA_OUT_OF_MEMORY)
    }
    let handle = memory.bindMemory(to: Context.self, capacity: 1)
    handle.initialize(to: context)
    result.pointee = OpaquePointer(handle)
  }
}

@_cdecl("lamina_bind")
public func laminaBind(
  _ handle: OpaquePointer?, _ dims: UnsafePointer<Int64>?, _ count: UInt32, _ threads: UInt32
) -> lamina_status {
  guard let context = context(handle), dims != nil || count == 0 else { return LAMINA_BAD_POINTER }
  return status { () throws(RuntimeError) in
    try context.pointee.bind(UnsafeBufferPointer(start: dims, count: Int(count)), threads: Int(threads))
  }
}

@_cdecl("lamina_set_parallel")
public func laminaSetParallel(
  _ handle: OpaquePointer?, _ parallel: lamina_parallel?, _ argument: UnsafeMutableRawPointer?
) -> lamina_status {
  guard let context = context(handle) else { return LAMINA_BAD_POINTER }
  context.pointee.useHostThreads(parallel, argument)
  return LAMINA_OK
}

@_cdecl("lamina_set_input")
public func laminaSetInput(_ handle: OpaquePointer?, _ index: UInt32, _ data: UnsafeRawPointer?) -> lamina_status {
  guard let context = context(handle) else { return LAMINA_BAD_POINTER }
  return status { () throws(RuntimeError) in try context.pointee.setInput(Int(index), data) }
}

@_cdecl("lamina_set_output")
public func laminaSetOutput(
  _ handle: OpaquePointer?, _ index: UInt32, _ data: UnsafeMutableRawPointer?
) -> lamina_status {
  guard let context = context(handle) else { return LAMINA_BAD_POINTER }
  return status { () throws(RuntimeError) in try context.pointee.setOutput(Int(index), data) }
}

@_cdecl("lamina_input_bytes")
public func laminaInputBytes(_ handle: OpaquePointer?, _ index: UInt32) -> UInt64 {
  context(handle).map { UInt64($0.pointee.inputByteCount(Int(index))) } ?? 0
}

@_cdecl("lamina_output_bytes")
public func laminaOutputBytes(_ handle: OpaquePointer?, _ index: UInt32) -> UInt64 {
  context(handle).map { UInt64($0.pointee.outputByteCount(Int(index))) } ?? 0
}

@_cdecl("lamina_arena_bytes")
public func laminaArenaBytes(_ handle: OpaquePointer?) -> UInt64 {
  context(handle).map { UInt64($0.pointee.arenaByteCount) } ?? 0
}

@_cdecl("lamina_value")
public func laminaValue(_ handle: OpaquePointer?, _ expression: UInt32) -> Int64 {
  context(handle).map { $0.pointee.value(Int(expression)) } ?? 0
}

@_cdecl("lamina_run")
public func laminaRun(_ handle: OpaquePointer?, _ nanoseconds: UnsafeMutablePointer<UInt64>?) -> lamina_status {
  guard let context = context(handle) else { return LAMINA_BAD_POINTER }
  return status { () throws(RuntimeError) in try context.pointee.run(nanoseconds: nanoseconds) }
}

@_cdecl("lamina_needed_room")
public func laminaNeededRoom(_ handle: OpaquePointer?, _ size: UnsafeMutablePointer<Int64>?) -> UInt32 {
  guard let needed = context(handle)?.pointee.neededRoom else { return UInt32.max }
  size?.pointee = needed.size
  return UInt32(needed.symbol)
}

@_cdecl("lamina_close")
public func laminaClose(_ handle: OpaquePointer?) {
  guard let context = context(handle) else { return }
  context.deinitialize(count: 1)
  lamina_free(context)
}
