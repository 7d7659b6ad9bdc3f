-- What Lua programs do: tables, strings, closures, patterns, coroutines, errors. Prints the same everywhere. arg[1]: how much.
local rounds = tonumber(arg[1] or "1")

local function sorted(n)
  local seed, t = 42, {}
  for i = 1, n do
    seed = (seed * 16807) % 2147483647
    t[i] = seed
  end
  table.sort(t, function(a, b) return a < b end)
  return t[1], t[n // 2], t[n]
end

local function words(n)
  local counts, text = {}, {}
  for i = 1, n do text[#text + 1] = string.format("w%d %s", i % 97, string.rep("x", i % 7)) end
  for word in table.concat(text, " "):gmatch("%a%d+") do counts[word] = (counts[word] or 0) + 1 end
  local keys = {}
  for word in pairs(counts) do keys[#keys + 1] = word end
  table.sort(keys)
  return #keys, counts.w1, (table.concat(keys, ","):gsub("w(%d)", "%1"):sub(1, 30))
end

local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end

local Account = {}
Account.__index = Account
function Account.new(balance) return setmetatable({balance = balance}, Account) end
function Account:withdraw(amount)
  if amount > self.balance then error("insufficient funds", 0) end
  self.balance = self.balance - amount
  return self.balance
end

local function accounts(n)
  local account, refused = Account.new(n * 3), 0
  for i = 1, n do
    local ok, why = pcall(account.withdraw, account, i % 11)
    if not ok then refused = refused + (why == "insufficient funds" and 1 or 100) end
  end
  return account.balance, refused
end

local function primes(n)
  local generate = coroutine.wrap(function()
    local composite = {}
    for i = 2, n do
      if not composite[i] then
        coroutine.yield(i)
        for j = i * i, n, i do composite[j] = true end
      end
    end
  end)
  local count, last = 0, 0
  for p in generate do count, last = count + 1, p end
  return count, last
end

local function matrix(n)
  local a, b = {}, {}
  for i = 1, n do
    a[i], b[i] = {}, {}
    for j = 1, n do a[i][j], b[i][j] = i + j / 8, i - j / 4 end
  end
  local trace = 0.0
  for i = 1, n do
    for j = 1, n do
      local sum = 0.0
      for k = 1, n do sum = sum + a[i][k] * b[k][j] end
      if i == j then trace = trace + sum end
    end
  end
  return string.format("%.6f", trace)
end

for round = 1, rounds do
  print(round, sorted(3000))
  print(round, words(2000))
  print(round, fib(20))
  print(round, accounts(3000))
  print(round, primes(8000))
  print(round, matrix(24))
end
print(select("#", pcall(error)), pcall(error, {}) == false, (select(2, pcall(function() return nil + 1 end))))
