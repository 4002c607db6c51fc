-- lowthread from LuaJIT. A lua_State belongs to one thread at a time, so each worker has one of its own:
-- what C calls on it is a callback that was made in that state. (One of this state's, called on another
-- thread, ends the process: "bad callback".)
local ffi = require("ffi")

local here = arg[0]:match("^(.*)/") or "."
local declarations = assert(io.open(here .. "/../../include/lowthread.cdef.h")):read("*a")
local library = os.getenv("LOWTHREAD_LIBRARY") or "lowthread"
ffi.cdef(declarations)
local lt = ffi.load(library)
local C = ffi.C

ffi.cdef [[
typedef struct lua_State lua_State;
lua_State *luaL_newstate(void);
void luaL_openlibs(lua_State *L);
int luaL_loadstring(lua_State *L, const char *s);
int lua_pcall(lua_State *L, int nargs, int nresults, int errfunc);
void lua_pushstring(lua_State *L, const char *s);
double lua_tonumber(lua_State *L, int index);
const char *lua_tolstring(lua_State *L, int index, size_t *length);
void lua_settop(lua_State *L, int index);
void lua_close(lua_State *L);
]]

-- Errors raise; answers, such as LT_TIMED_OUT, are returned.
local function check(status)
  if status < 0 then error(ffi.string(lt.lt_last_error()), 0) end
  return status
end

-- The first part of a worker's program: the library, and entry(f), which makes of f what C can call. An
-- error must not cross C: the worker fails with it, and the join tells.
local prelude = [[
  local declarations, library = ...
  ffi = require("ffi")
  ffi.cdef(declarations)
  lt = ffi.load(library)
  function entry(f)
    callback = ffi.cast("lt_thread_fn", function(arg) -- a global: it must last as long as the thread
      local ok, message = pcall(f, arg)
      if not ok then lt.lt_fail(1, tostring(message)) end
    end)
    return tonumber(ffi.cast("intptr_t", callback))
  end
]]

local Thread = {}
Thread.__index = Thread

-- Starts a thread that runs the program, in which `arg` is the pointer given here.
function Thread.start(program, arg)
  local L = C.luaL_newstate()
  C.luaL_openlibs(L)
  if C.luaL_loadstring(L, prelude .. "return entry(function(arg) " .. program .. "\nend)") ~= 0 then
    error(ffi.string(C.lua_tolstring(L, -1, nil)), 0)
  end
  C.lua_pushstring(L, declarations)
  C.lua_pushstring(L, library)
  if C.lua_pcall(L, 2, 1, 0) ~= 0 then error(ffi.string(C.lua_tolstring(L, -1, nil)), 0) end
  local entry = ffi.cast("lt_thread_fn", ffi.cast("intptr_t", C.lua_tonumber(L, -1)))
  C.lua_settop(L, 0) -- From here on the state is the thread's.
  local out = ffi.new("lt_thread *[1]")
  check(lt.lt_thread_start(entry, arg, nil, out))
  return setmetatable({ handle = out[0], state = L }, Thread)
end

-- The end of the thread; its error is raised here.
function Thread:join()
  local status = check(lt.lt_thread_join(self.handle))
  local message
  if status == lt.LT_FAILED then
    local info = ffi.new("const lt_error_info *[1]")
    check(lt.lt_thread_error(self.handle, info))
    message = ffi.string(info[0].message)
  end
  check(lt.lt_thread_free(self.handle))
  C.lua_close(self.state)
  if message then error(message, 0) end
end

local function item(number) return ffi.cast("void *", number) end
local function number(pointer) return tonumber(ffi.cast("intptr_t", pointer)) end

-- Four workers and two queues. Items are pointers: a small number will do as one.
local jobs, results = lt.lt_queue_new(0), lt.lt_queue_new(0)
local both = ffi.new("lt_queue *[2]", jobs, results)
local workers = {}
for i = 1, 4 do
  workers[i] = Thread.start([[
    local both, item = ffi.cast("lt_queue **", arg), ffi.new("void *[1]")
    while lt.lt_queue_get(both[0], item) == lt.LT_OK do -- LT_CLOSED at the end
      local n = tonumber(ffi.cast("intptr_t", item[0]))
      assert(lt.lt_queue_put(both[1], ffi.cast("void *", n * n)) == lt.LT_OK)
    end
  ]], both)
end
for i = 1, 4 do check(lt.lt_queue_put(jobs, item(i))) end
check(lt.lt_queue_close(jobs, false))
for _, worker in ipairs(workers) do worker:join() end
local squares, out = {}, ffi.new("void *[1]")
while check(lt.lt_queue_try_get(results, out)) == lt.LT_OK do squares[#squares + 1] = number(out[0]) end
table.sort(squares)
print("squares: " .. table.concat(squares, " "))

local status = check(lt.lt_queue_get_timeout(results, 0.02, out))
print("timed out: " .. ffi.string(lt.lt_status_message(status)))

local told = ffi.new("lt_status[1]")
local sleeper = Thread.start('ffi.cast("lt_status *", arg)[0] = lt.lt_sleep(60)', told)
check(lt.lt_thread_interrupt(sleeper.handle))
sleeper:join()
print("interrupted: " .. ffi.string(lt.lt_status_message(told[0])))

local divider = Thread.start('error("84 cannot be divided by 0", 0)', nil)
print("failed: " .. select(2, pcall(divider.join, divider)))

local lock = lt.lt_allocate_lock()
print("error: " .. select(2, pcall(check, lt.lt_lock_release(lock))))

for _, queue in ipairs { jobs, results } do check(lt.lt_queue_free(queue)) end
check(lt.lt_lock_free(lock))
