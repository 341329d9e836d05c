# outputs: in_range = 1 if lo <= x <= hi else 0; away = x - hi if x > hi, lo - x if x < lo, else 0
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        in_range = 1 if i.lo <= i.x <= i.hi else 0
        away = 0
        if i.x > i.hi:
            away = i.x - i.hi
        elif i.x < i.lo:
            away = i.lo - i.x
        return {"in_range": in_range, "away": away}

    def tick(self, i):
        pass
