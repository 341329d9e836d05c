# state: sum, 0xFF after reset
# at each clock edge: if clear: 0xFF; else if valid: (sum rotated left by one) ^ d
# outputs: sum; ok = sum is 0
class Model:
    def reset(self):
        self.sum = 0xFF

    def outputs(self, i):
        return {"sum": self.sum, "ok": int(self.sum == 0)}

    def tick(self, i):
        if i.clear:
            self.sum = 0xFF
        elif i.valid:
            rotated = ((self.sum << 1) & 0xFF) | (self.sum >> 7)
            self.sum = rotated ^ i.d
