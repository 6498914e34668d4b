throw new Error('this module cannot be loaded')

export default { name: 'never reached' }
